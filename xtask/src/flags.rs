//! The command line of `cargo xtask`.

xflags::xflags! {
    /// Checks, benchmarks and releases of this workspace.
    cmd xtask {
        /// All of continuous integration; prints the seconds of each step and fails if any step failed.
        cmd ci {}

        /// The invariants of the architecture, from `cargo metadata`, the sources and the documentation.
        cmd tidy {}

        /// The documentation of every crate, with formulas rendered; warnings are errors. Also writes a copy of
        /// `xtask/katex.html` into the folder of each published library, for docs.rs.
        cmd doc {
            /// Open it in a browser.
            optional --open
        }

        /// All criterion benchmarks, then the workloads of `benchmarks/README.md` beside the limits of the machine.
        cmd bench {
            /// Run everything once at toy size, in the dev profile, to see that it works.
            optional --quick
            /// Instead run the workloads in turn with the same work in JAX and PyTorch, and print ratios.
            optional --peers
            /// With --peers: how often; 5 if not given.
            optional --rounds rounds: usize
            /// Only these workloads, with commas, and no criterion benchmarks.
            optional --only workloads: String
            /// With --peers: write a record under `benchmarks/record` and BENCHMARKS.md.
            optional --record
            /// Only write BENCHMARKS.md again, from the records that are there.
            optional --render
            /// Run only the criterion benchmarks whose id contains this, and no workloads.
            optional filter: String
        }

        /// Run the scripts that make the golden files, in an environment of their own under `target`.
        cmd golden {
            /// Compare what the scripts write with what is committed, and leave the committed files alone.
            optional --check
            /// Also those that run for more than a minute.
            optional --slow
            /// Run only the scripts whose path contains this.
            optional filter: String
        }

        /// The figures of the README, made again by the command line.
        cmd figures {}

        /// The script of superposition-viz's HTML page: types, lint, and pages of every kind in a headless Chromium.
        cmd page {}

        /// Build superposition-analysis for wasm32-unknown-unknown, without default features, and run it under node.
        cmd wasm {}

        /// Build the Python wheel, install it in an environment of its own under `target`, check its types, run its tests
        /// and its example there.
        cmd python {}

        /// Everything that must hold before a release, and the order in which the crates are published.
        cmd release {
            /// Publish, if everything holds. Without it nothing leaves this machine.
            optional --execute
        }
    }
}
