//! The tiles of Intel's AMX: eight registers of 16 rows of 64 bytes, and one instruction that multiplies 16,384 pairs of bytes.
//!
//! A tile of rows holds 64 components of each of 16 vectors, one after the other. A tile of columns holds in row k the components 4k to 4k + 3 of each of 16 vectors.
//! Their product is 16 x 16 sums of 32 bits, and exact.
//!
//! The compiler has no functions for these instructions yet, so they are written here, loops and all, in assembly.
//! The operating system gives a process the use of tiles when it asks for it, once and for good; a thread has them from [`Tiles::new`] until they are dropped.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::{PANEL, PanelLine, SIDE};

/// Vectors of a tile.
pub(super) const VECTORS: usize = 16;
/// Components of each vector of a tile.
pub(super) const COMPONENTS: usize = 64;
/// 64 components of 16 vectors.
pub(super) type Tile = [PanelLine; VECTORS];

pub(super) const ZERO: Tile = [PanelLine([0; PANEL]); VECTORS];

/// 16 x 16 sums.
pub(super) type Sums = [[i32; VECTORS]; VECTORS];

/// The registers of this thread, laid out as whole tiles.
pub(super) struct Tiles {
    /// They belong to the thread that asked for them.
    thread: PhantomData<*const ()>,
}

/// Loads a digit of one side into a register.
macro_rules! digit {
    ($register:literal, $side:literal, $digit:literal) => {
        concat!(
            "tileloadd tmm",
            $register,
            ", [{",
            $side,
            "} + {row} + ",
            $digit,
            "*1024]"
        )
    };
}

/// Adds the product of two registers to a sum.
macro_rules! add {
    ($sum:literal, $row:literal, $column:literal) => {
        concat!("tdpbssd tmm", $sum, ", tmm", $row, ", tmm", $column)
    };
}

/// The products of `$rows` with `$columns`, both in `$slices` slices, for the sums of these numbers: `$step` is what is done for every 64 components.
macro_rules! multiply_slices {
    ($rows:ident, $columns:ident, $to:ident, $slices:literal, [$($sum:literal),*], [$($step:expr),* $(,)?]) => {{
        let steps = $rows.len();
        assert!(steps > 0 && $columns.len() == steps);
        // SAFETY: the loads stay within `steps` steps of each slice, the stores within the sums.
        unsafe {
            asm!(
                $(concat!("tilezero tmm", $sum),)*
                "2:",
                $($step,)*
                concat!("add {a}, ", $slices, "*1024"),
                concat!("add {b}, ", $slices, "*1024"),
                "dec {steps}",
                "jnz 2b",
                $(concat!("tilestored [{to} + {row} + ", $sum, "*1024], tmm", $sum),)*
                a = inout(reg) $rows.as_ptr() => _,
                b = inout(reg) $columns.as_ptr() => _,
                steps = inout(reg) steps => _,
                row = in(reg) size_of::<PanelLine>(),
                to = in(reg) $to.as_mut_ptr(),
                options(nostack),
            );
        }
    }};
}

/// Products of numbers of `N` digits.
pub(super) trait MultiplySlices<const N: usize> {
    /// The products of 16 vectors with 16 others, both in N slices, the most significant first: for every `s < N` the sum of the products of slice i with slice s - i.
    ///
    /// The sums and two tiles fit the eight registers: 27 tiles are loaded for 21 products of six slices, and with more registers left 12 for 15 of five and 8 for 10 of four. Their order is such that a sum is not added to before one or two others have been.
    fn multiply_slices(&self, rows: &[[Tile; N]], columns: &[[Tile; N]], to: &mut [Sums; N]);
}

impl MultiplySlices<4> for Tiles {
    fn multiply_slices(&self, rows: &[[Tile; 4]], columns: &[[Tile; 4]], to: &mut [Sums; 4]) {
        multiply_slices! {
            rows, columns, to, 4, [0, 1, 2, 3], [
                digit!(4, "a", 0), digit!(5, "a", 1),
                digit!(7, "b", 2), add!(3, 5, 7), add!(2, 4, 7),
                digit!(7, "b", 1), add!(1, 4, 7), add!(2, 5, 7),
                digit!(6, "a", 2), add!(3, 6, 7),
                digit!(7, "b", 0), add!(0, 4, 7), add!(1, 5, 7), add!(2, 6, 7),
                digit!(6, "b", 3), add!(3, 4, 6),
                digit!(5, "a", 3), add!(3, 5, 7),
            ]
        }
    }
}

impl MultiplySlices<5> for Tiles {
    fn multiply_slices(&self, rows: &[[Tile; 5]], columns: &[[Tile; 5]], to: &mut [Sums; 5]) {
        multiply_slices! {
            rows, columns, to, 5, [0, 1, 2, 3, 4], [
                digit!(5, "a", 2), digit!(7, "b", 2), add!(4, 5, 7),
                digit!(6, "a", 3), digit!(7, "b", 1), add!(3, 5, 7), add!(4, 6, 7),
                digit!(7, "b", 0), add!(2, 5, 7), add!(3, 6, 7),
                digit!(5, "a", 4), add!(4, 5, 7),
                digit!(5, "a", 0), digit!(6, "a", 1), add!(0, 5, 7), add!(1, 6, 7),
                digit!(7, "b", 4), add!(4, 5, 7),
                digit!(7, "b", 1), add!(1, 5, 7), add!(2, 6, 7),
                digit!(7, "b", 3), add!(3, 5, 7), add!(4, 6, 7),
                digit!(7, "b", 2), add!(2, 5, 7), add!(3, 6, 7),
            ]
        }
    }
}

impl MultiplySlices<6> for Tiles {
    fn multiply_slices(&self, rows: &[[Tile; 6]], columns: &[[Tile; 6]], to: &mut [Sums; 6]) {
        multiply_slices! {
            rows, columns, to, 6, [0, 1, 2, 3, 4, 5], [
                digit!(6, "a", 0), digit!(7, "b", 3), add!(3, 6, 7), digit!(7, "b", 2), add!(2, 6, 7), digit!(7, "b", 1), add!(1, 6, 7), digit!(7, "b", 5), add!(5, 6, 7), digit!(7, "b", 4), add!(4, 6, 7), digit!(7, "b", 0), add!(0, 6, 7),
                digit!(6, "a", 5), digit!(7, "b", 0), add!(5, 6, 7),
                digit!(6, "a", 1), digit!(7, "b", 3), add!(4, 6, 7), digit!(7, "b", 2), add!(3, 6, 7), digit!(7, "b", 4), add!(5, 6, 7), digit!(7, "b", 1), add!(2, 6, 7), digit!(7, "b", 0), add!(1, 6, 7),
                digit!(6, "a", 4), digit!(7, "b", 0), add!(4, 6, 7), digit!(7, "b", 1), add!(5, 6, 7),
                digit!(6, "a", 2), digit!(7, "b", 1), add!(3, 6, 7), digit!(7, "b", 0), add!(2, 6, 7), digit!(7, "b", 2), add!(4, 6, 7), digit!(7, "b", 3), add!(5, 6, 7),
                digit!(6, "a", 3), digit!(7, "b", 0), add!(3, 6, 7), digit!(7, "b", 1), add!(4, 6, 7), digit!(7, "b", 2), add!(5, 6, 7),
            ]
        }
    }
}

impl Tiles {
    /// # Panics
    /// If there are none.
    pub(super) fn new() -> Self {
        assert!(are_permitted(), "no tiles");
        let mut layout = Layout([0; 64]);
        // The first palette: bytes of a row from place 16 on, in 16 bits, and rows from place 48 on.
        layout.0[0] = 1;
        for tile in 0..8 {
            layout.0[16 + 2 * tile] = COMPONENTS as u8;
            layout.0[48 + tile] = VECTORS as u8;
        }
        // SAFETY: the instruction reads 64 bytes, and this thread may use tiles.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &layout, options(nostack, readonly, preserves_flags));
        }
        Self {
            thread: PhantomData,
        }
    }

    /// The products of two groups of 16 vectors with three others, of as many tiles each: `to` has a row for every vector of the first groups, `stride` integers apart.
    ///
    /// Six sums and two tiles fill the eight registers: eight tiles are loaded for six products.
    ///
    /// # Panics
    /// If the lengths differ, or 32 rows of 48 integers do not fit `to`.
    fn multiply_groups(
        &self,
        rows: [&[Tile]; 2],
        columns: [&[Tile]; 3],
        to: &mut [i32],
        stride: usize,
    ) {
        let steps = rows[0].len();
        assert!(steps > 0 && rows[1].len() == steps);
        assert!(columns.iter().all(|column| column.len() == steps));
        assert!(stride >= 3 * VECTORS && to.len() >= (2 * VECTORS - 1) * stride + 3 * VECTORS);
        let to = to.as_mut_ptr();
        // SAFETY: the loads stay within `steps` tiles of each slice, the stores within 32 rows of 48 integers.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "tilezero tmm4",
                "tilezero tmm5",
                "2:",
                "tileloadd tmm6, [{a} + {row}]",
                "tileloadd tmm7, [{c} + {row}]",
                "tdpbssd tmm0, tmm6, tmm7",
                "tileloadd tmm7, [{d} + {row}]",
                "tdpbssd tmm1, tmm6, tmm7",
                "tileloadd tmm7, [{e} + {row}]",
                "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm6, [{b} + {row}]",
                "tdpbssd tmm5, tmm6, tmm7",
                "tileloadd tmm7, [{c} + {row}]",
                "tdpbssd tmm3, tmm6, tmm7",
                "tileloadd tmm7, [{d} + {row}]",
                "tdpbssd tmm4, tmm6, tmm7",
                "add {a}, 1024",
                "add {b}, 1024",
                "add {c}, 1024",
                "add {d}, 1024",
                "add {e}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{to} + {stride}], tmm0",
                "tilestored [{to} + {stride} + 64], tmm1",
                "tilestored [{to} + {stride} + 128], tmm2",
                "tilestored [{below} + {stride}], tmm3",
                "tilestored [{below} + {stride} + 64], tmm4",
                "tilestored [{below} + {stride} + 128], tmm5",
                a = inout(reg) rows[0].as_ptr() => _,
                b = inout(reg) rows[1].as_ptr() => _,
                c = inout(reg) columns[0].as_ptr() => _,
                d = inout(reg) columns[1].as_ptr() => _,
                e = inout(reg) columns[2].as_ptr() => _,
                steps = inout(reg) steps => _,
                row = in(reg) size_of::<PanelLine>(),
                to = in(reg) to,
                below = in(reg) to.add(VECTORS * stride),
                stride = in(reg) stride * size_of::<i32>(),
                options(nostack),
            );
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: this thread has tiles.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
    }
}

/// As [`super::multiply_bytes`], of rows in tiles, for an even number of groups of them.
///
/// For every three panels, which stay in the first-level cache, all rows.
pub(super) fn multiply_bytes(
    tiles: &Tiles,
    rows: &[Tile],
    panels: &[PanelLine],
    depth: usize,
    tile: &mut super::Tile,
) {
    assert!(depth.is_multiple_of(VECTORS), "{depth} lines");
    let (columns, _) = panels.as_chunks::<VECTORS>();
    let steps = depth / VECTORS;
    let (n_groups, n_panels) = (rows.len() / steps, columns.len() / steps);
    let tile = tile.as_flattened_mut();
    for j in (0..n_panels).step_by(3) {
        // The last panel stands in for those past it, in columns that nobody reads.
        let three = [j, j + 1, j + 2].map(|j| {
            let j = j.min(n_panels - 1);
            &columns[j * steps..(j + 1) * steps]
        });
        for i in (0..n_groups).step_by(2) {
            let two = [i, i + 1].map(|i| &rows[i * steps..(i + 1) * steps]);
            let at = i * VECTORS * SIDE + j * PANEL;
            tiles.multiply_groups(two, three, &mut tile[at..], SIDE);
        }
    }
}

#[repr(C, align(64))]
struct Layout([u8; 64]);

/// Whether the machine has tiles and the operating system lets this process use them, for which it is asked once.
pub(super) fn are_permitted() -> bool {
    static ARE_PERMITTED: OnceLock<bool> = OnceLock::new();
    *ARE_PERMITTED.get_or_init(|| has_instructions() && ask_permission())
}

fn has_instructions() -> bool {
    const TILES: u32 = 1 << 24;
    const BYTES: u32 = 1 << 25;
    // SAFETY: every processor of 64 bits has the instruction, which newer compilers know to be safe.
    #[allow(unused_unsafe, reason = "older compilers need the block")]
    let (pages, features) = unsafe { (__cpuid(0).eax, __cpuid_count(7, 0).edx) };
    pages >= 7 && features & (TILES | BYTES) == TILES | BYTES
}

/// Asks Linux for the state of tiles, for all threads of the process: 0 is yes. It changes nothing but how much of a thread the system keeps.
fn ask_permission() -> bool {
    const ARCH_PRCTL: u64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let mut answer = ARCH_PRCTL;
    // SAFETY: the call reads and writes no memory of ours.
    unsafe {
        asm!(
            "syscall",
            inout("rax") answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    answer == 0
}
