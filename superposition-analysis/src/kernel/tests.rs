use super::*;

/// Words of a linear congruence, made of what `component` makes of its numbers.
fn panels(n_panels: usize, depth: usize, seed: u32, component: fn(u32) -> i32) -> Vec<PanelLine> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        component(state >> 8)
    };
    (0..n_panels * depth)
        .map(|_| PanelLine(std::array::from_fn(|_| next())))
        .collect()
}

/// Two of 16 bits, small enough for the sums of any depth used here.
fn words(random: u32) -> i32 {
    let half = |bits: u32| (bits as i32 & 0xfff) - 2048;
    (half(random) << 16) | (half(random >> 12) & 0xffff)
}

/// Four of 8 bits; the sums of 32 squares of those fit 16 bits.
fn bytes(random: u32) -> i32 {
    let byte = |k: u32| ((random >> (6 * k)) & 0x3f) as i8 - 31;
    i32::from_le_bytes([0, 1, 2, 3].map(|k| byte(k) as u8))
}

const SHAPES: [(usize, usize, usize); 10] = [
    (1, 1, 1),
    (2, 3, 5),
    (3, 2, 7),
    (24, 24, 3),
    (1, 4, 256),
    (5, 5, 257),
    (2, 7, 600),
    (2, 3, 31),
    (24, 24, 130),
    (7, 9, 300),
];

#[test]
fn products_of_words_are_those_of_loops_on_every_path() {
    let component = |panels: &[PanelLine], depth: usize, direction: usize, k: usize| {
        let word = panels[direction / PANEL * depth + k / 2].0[direction % PANEL];
        i64::from((word >> (16 * (k % 2))) as i16)
    };
    for (seed, (n_rows, n_columns, depth)) in SHAPES.into_iter().enumerate() {
        let rows = panels(n_rows, depth, seed as u32, words);
        let columns = panels(n_columns, depth, 100 + seed as u32, words);
        let mut strips = vec![[7; STRIP]; SIDE / STRIP * depth];
        words_to_strips(&rows, depth, &mut strips);
        let (mut dispatched, mut plain) = (new_tile(), new_tile());
        multiply_words(&strips, &columns, depth, &mut dispatched);
        portable::multiply_words(&strips, &columns, depth, &mut plain);
        for r in 0..SIDE {
            for c in 0..n_columns * PANEL {
                // Zeros after the last direction.
                let expected: i64 = (0..2 * depth)
                    .filter(|_| r < n_rows * PANEL)
                    .map(|k| component(&rows, depth, r, k) * component(&columns, depth, c, k))
                    .sum();
                let found = [&dispatched, &plain].map(|tile| i64::from(tile[r][c]));
                assert_eq!(found, [expected; 2], "{n_rows} {n_columns} {depth}");
            }
        }
    }
}

#[test]
fn products_of_bytes_are_those_of_loops_on_every_path() {
    let component = |panels: &[PanelLine], depth: usize, direction: usize, k: usize| {
        let word = panels[direction / PANEL * depth + k / 4].0[direction % PANEL];
        i64::from(word.to_le_bytes()[k % 4] as i8)
    };
    for (seed, (n_rows, n_columns, depth)) in SHAPES.into_iter().enumerate() {
        let rows = panels(n_rows, depth, seed as u32, bytes);
        let columns = panels(n_columns, depth, 100 + seed as u32, bytes);
        let mut strips = vec![[7; STRIP]; SIDE / STRIP * depth];
        bytes_to_strips(&rows, depth, &mut strips);
        let n_blocks = depth.div_ceil(BYTE_BLOCK);
        let mut starts = vec![PanelLine::default(); n_columns * n_blocks];
        for (at, start) in starts.iter_mut().enumerate() {
            let (panel, block) = (at / n_blocks, at % n_blocks);
            for lane in 0..PANEL {
                let sum = |first: usize| -> i64 {
                    (4 * BYTE_BLOCK * block..4 * depth.min(BYTE_BLOCK * (block + 1)))
                        .filter(|k| k % 4 / 2 == first)
                        .map(|k| component(&columns, depth, panel * PANEL + lane, k))
                        .sum()
                };
                let [low, high] = [0, 1].map(|first| (-sum(first) * 90) as i32);
                start.0[lane] = (low & 0xffff) | (high << 16);
            }
        }
        let tiles = products_of_bytes(&strips, &columns, &starts, depth);
        for r in 0..SIDE {
            for c in 0..n_columns * PANEL {
                let expected: i64 = (0..4 * depth)
                    .filter(|_| r < n_rows * PANEL)
                    .map(|k| component(&rows, depth, r, k) * component(&columns, depth, c, k))
                    .sum();
                for (path, tile) in &tiles {
                    let found = i64::from(tile[r][c]);
                    assert_eq!(found, expected, "{path}: {n_rows} {n_columns} {depth}");
                }
            }
        }
    }
}

/// By every body that the machine can run.
fn products_of_bytes(
    strips: &[StripLine],
    columns: &[PanelLine],
    starts: &[PanelLine],
    depth: usize,
) -> Vec<(&'static str, Box<Tile>)> {
    let mut tiles = vec![("dispatched", new_tile()), ("portable", new_tile())];
    multiply_bytes(strips, columns, starts, depth, &mut tiles[0].1);
    portable::multiply_bytes(strips, columns, depth, &mut tiles[1].1);
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        let mut tile = new_tile();
        // SAFETY: the machine has AVX2.
        unsafe { avx2::multiply_bytes(strips, columns, starts, depth, &mut tile) };
        tiles.push(("avx2", tile));
    }
    #[cfg(target_arch = "x86_64")]
    if has_avx512_vnni() {
        let mut tile = new_tile();
        // SAFETY: the machine has AVX-512 and its instructions for products of bytes.
        unsafe { avx512::multiply_bytes(strips, columns, depth, &mut tile) };
        tiles.push(("avx512", tile));
    }
    tiles
}

#[test]
fn hits_are_those_of_loops_on_every_path() {
    let mut tile = new_tile();
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as i32 >> 8
    };
    tile.iter_mut().flatten().for_each(|x| *x = next());
    let mut scales = [0.0; SIDE];
    scales.iter_mut().for_each(|x| *x = next() as f32);
    // No hits in these columns.
    scales[SIDE - 3..].fill(f32::NAN);
    let scaled = |r: usize, c: usize| tile[r][c] as f32 * scales[r] * scales[c];
    for n_rows in [1, 7, SIDE - 3] {
        let mut bounds = Bounds::new();
        let mut found = vec![Vec::new(), Vec::new()];
        find_hits(&tile, &scales[..n_rows], &scales, &bounds, &mut found[0]);
        assert_eq!(found[0], []);
        // One number is exactly a bound, of its row or of its column, from above or from below.
        bounds.row_high[0] = scaled(0, 5);
        bounds.row_low[n_rows / 2] = scaled(n_rows / 2, 100);
        bounds.column_high[17] = scaled(n_rows - 1, 17);
        bounds.column_low[180] = scaled(n_rows - 1, 180);
        let mut expected = Vec::new();
        for row in 0..n_rows {
            for column in 0..SIDE {
                let value = scaled(row, column);
                let is_high = value >= bounds.row_high[row] || value >= bounds.column_high[column];
                if is_high || value <= bounds.row_low[row] || value <= bounds.column_low[column] {
                    expected.push(Hit::new(row, column, value));
                }
            }
        }
        find_hits(&tile, &scales[..n_rows], &scales, &bounds, &mut found[0]);
        portable::find_hits(&tile, &scales[..n_rows], &scales, &bounds, &mut found[1]);
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            found.push(Vec::new());
            // SAFETY: the machine has AVX2.
            unsafe {
                avx2::find_hits(&tile, &scales[..n_rows], &scales, &bounds, &mut found[2]);
            }
        }
        assert!(expected.contains(&Hit::new(0, 5, scaled(0, 5))));
        for found in found {
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn rounded_directions_are_those_of_loops_on_every_path() {
    for n in [1_usize, 7, 8, 63, 64, 65, 130, 200] {
        let column: Vec<f32> = (0..n).map(|k| libm::sinf(k as f32 * 1.3 + 0.1)).collect();
        let largest = column
            .iter()
            .fold(0.0, |largest: f32, x| largest.max(x.abs()));
        let parts = (0..n.div_ceil(4 * BYTE_BLOCK)).flat_map(|block| {
            [0, 1].map(|half| {
                (0..n)
                    .filter(|k| k / (4 * BYTE_BLOCK) == block && k % 4 / 2 == half)
                    .map(|k| f64::from(column[k]) * f64::from(column[k]))
                    .sum::<f64>()
                    .sqrt()
            })
        });
        let part = parts.fold(0.0, f64::max);
        for limits in [byte_limits(&column), portable::byte_limits(&column)] {
            assert_eq!(limits.component, f64::from(largest));
            assert!((limits.part - part).abs() <= 1e-14);
        }
        let (mut dispatched, mut plain) = (vec![0; n], vec![0; n]);
        let rest = round_into(&column, 88.3, &mut dispatched);
        assert_eq!(rest, portable::round_into(&column, 88.3, &mut plain));
        assert_eq!(dispatched, plain);
        let scaled = |k: usize| f64::from(column[k]) * 88.3;
        assert!((0..n).all(|k| (f64::from(plain[k]) - scaled(k)).abs() <= 0.5));
        let squares =
            (0..n).map(|k| (f64::from(plain[k]) - scaled(k)) * (f64::from(plain[k]) - scaled(k)));
        assert!((rest - squares.sum::<f64>().sqrt()).abs() <= 1e-13);
        let expected: i32 = plain.iter().map(|&q| i32::from(q) * i32::from(q)).sum();
        assert_eq!(dot_words(&plain, &plain), expected);
        assert_eq!(portable::dot_words(&plain, &plain), expected);
    }
}

#[test]
fn dot_products_have_the_same_bits_on_every_path() {
    for n in 0..70 {
        let a: Vec<f32> = (0..n).map(|k| libm::sinf(k as f32 + 0.1)).collect();
        let b: Vec<f32> = (0..n).map(|k| libm::cosf(1.7 * k as f32)).collect();
        let expected = portable::dot(&a, &b);
        assert_eq!(dot(&a, &b).to_bits(), expected.to_bits());
        assert_eq!(dot(&b, &a).to_bits(), expected.to_bits());
        let naive: f64 = a
            .iter()
            .zip(&b)
            .map(|(&x, &y)| f64::from(x) * f64::from(y))
            .sum();
        assert!((expected - naive).abs() <= 1e-15 * n as f64);
    }
}
