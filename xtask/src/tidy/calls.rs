//! What a library does not do: print, end the process, read a clock or the environment, draw from a hidden generator,
//! or use a setting that the whole process shares.

use super::Finding;
use crate::{source, workspace::Workspace};

/// Names in the code of libraries, and why not.
const BANNED: [(&[&str], &str); 6] = [
    (
        &["println!", "print!", "eprintln!", "eprint!", "dbg!"],
        "a library prints nothing; return the text, or let the caller observe",
    ),
    (
        &["process::exit", "process::abort"],
        "a library does not end the process; return an error",
    ),
    (
        &["std::time", "Instant", "SystemTime", "UNIX_EPOCH"],
        "a library reads no clock; equal input gives equal output",
    ),
    (
        &[
            "rand::rng",
            "thread_rng",
            "ThreadRng",
            "from_os_rng",
            "from_entropy",
            "SysRng",
            "OsRng",
            "rand::random",
        ],
        "a library chooses no seed; take the generator or the seed as an argument",
    ),
    (
        &[
            "set_global_parallelism",
            "get_global_parallelism",
            "disable_global_parallelism",
            "build_global",
        ],
        "a library leaves settings of the whole process alone; pass `Par::Seq`",
    ),
    (
        &[
            "std::env",
            "env::var",
            "env::var_os",
            "env::vars",
            "env::args",
            "env::current_dir",
            "set_current_dir",
        ],
        "a library does not read the environment; take an option",
    ),
];

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in workspace.libraries() {
        let sources = workspace
            .rust_files()
            .filter(|(path, _)| member.has_source(path));
        for (path, text) in sources.filter(|(path, _)| !source::is_test_file(path)) {
            findings.extend(check_source(path, text));
        }
    }
    findings
}

fn check_source(path: &str, text: &str) -> Vec<Finding> {
    let code = source::without_tests(&source::code_only(text));
    let mut findings = Vec::new();
    for (names, reason) in BANNED {
        for name in names {
            for line in source::lines_with(&code, name) {
                findings.push(Finding::new(
                    format!("{path}:{line}"),
                    format!("`{name}`: {reason}"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::example;

    #[test]
    fn each_ban_finds_its_name() {
        for (names, _) in BANNED {
            for name in names {
                let code = format!("fn f() {{ {name}(1) }}");
                let findings = check(&example(
                    "superposition-io",
                    "superposition-io/src/lib.rs",
                    &code,
                ));
                assert!(!findings.is_empty(), "{name} is not found");
            }
        }
    }

    #[test]
    fn imports_in_groups_are_found() {
        let code = "use std::{\n    fmt,\n    time::Instant,\n};";
        assert_eq!(check_source("a.rs", code)[0].place, "a.rs:3");
    }

    #[test]
    fn tests_doctests_and_programs_may() {
        let code = "/// println!(\"{}\", 1);\nfn f() {}\n#[cfg(test)]\nmod tests { fn g() { println!() } }\nenv!(\"A\");";
        assert_eq!(check_source("a.rs", code), []);
        let mut program = example(
            "superposition-cli",
            "superposition-cli/src/main.rs",
            "println!()",
        );
        program.crates[0].is_library = false;
        assert_eq!(check(&program), []);
    }
}
