use super::*;
use faer::Mat;
use superposition_testkit::geometry;

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

/// Panels of rows, panels of columns, lines: tiles take whole sixteens of lines.
const SHAPES: [(usize, usize, usize); 13] = [
    (1, 1, 1),
    (2, 3, 5),
    (3, 2, 7),
    (12, 12, 3),
    (1, 4, 256),
    (5, 5, 257),
    (2, 7, 600),
    (2, 3, 31),
    (12, 12, 130),
    (7, 9, 300),
    (1, 1, 16),
    (11, 10, 48),
    (12, 12, 192),
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
        let mut laid_out = Rows::OfWords(vec![[7; STRIP]; SIDE / STRIP * depth]);
        laid_out.copy(&rows, depth);
        let (mut dispatched, mut plain) = (new_tile(), new_tile());
        multiply_words(&laid_out, SIDE, &columns, depth, &mut dispatched);
        let Rows::OfWords(strips) = &laid_out else {
            unreachable!();
        };
        portable::multiply_words(strips, &columns, depth, &mut plain);
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
        for (path, tile) in products_of_bytes(&rows, &columns, depth) {
            for r in 0..n_rows * PANEL {
                for c in 0..n_columns * PANEL {
                    let expected: i64 = (0..4 * depth)
                        .map(|k| component(&rows, depth, r, k) * component(&columns, depth, c, k))
                        .sum();
                    let found = i64::from(tile[r][c]);
                    assert_eq!(found, expected, "{path}: {n_rows} {n_columns} {depth}");
                }
            }
        }
    }
}

/// By every body that the machine can run.
fn products_of_bytes(
    rows: &[PanelLine],
    columns: &[PanelLine],
    depth: usize,
) -> Vec<(&'static str, Box<Tile>)> {
    let n_rows = rows.len() / depth * PANEL;
    let mut tiles = Vec::new();
    let mut with = |path, body: &dyn Fn(&mut Tile)| {
        let mut tile = new_tile();
        body(&mut tile);
        tiles.push((path, tile));
    };
    let strips = |added| {
        let mut strips = vec![[7; STRIP]; SIDE / STRIP * depth];
        bytes_to_strips(rows, depth, added, &mut strips);
        strips
    };
    with("portable", &|tile| {
        portable::multiply_bytes(&strips(90), columns, depth, 90, tile);
    });
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        let starts = starts(columns, depth);
        with("avx2", &|tile| {
            // SAFETY: the machine has AVX2.
            unsafe { avx2::multiply_bytes(&strips(90), columns, &starts, depth, tile) };
        });
    }
    #[cfg(target_arch = "x86_64")]
    if has_avx512_vnni() {
        with("avx512", &|tile| {
            // SAFETY: the machine has AVX-512 and its instructions for products of bytes.
            unsafe { avx512::multiply_bytes(&strips(128), columns, depth, tile) };
        });
    }
    if depth == depth_of_bytes(4 * depth) {
        with("dispatched", &|tile| {
            let mut laid_out = Rows::of_bytes(depth);
            laid_out.copy(rows, depth);
            let starts = starts(columns, depth);
            multiply_bytes(&laid_out, n_rows, columns, &starts, depth, tile);
        });
    }
    tiles
}

/// What the sums of bytes begin with on AVX2.
fn starts(columns: &[PanelLine], depth: usize) -> Vec<PanelLine> {
    let n_blocks = depth.div_ceil(BYTE_BLOCK);
    let mut starts = vec![PanelLine::default(); columns.len() / depth * n_blocks];
    for (at, start) in starts.iter_mut().enumerate() {
        let (panel, block) = (at / n_blocks, at % n_blocks);
        let lines = BYTE_BLOCK * block..depth.min(BYTE_BLOCK * (block + 1));
        for lane in 0..PANEL {
            let mut sums = [0; 2];
            for line in &columns[panel * depth..][lines.clone()] {
                for (k, byte) in line.0[lane].to_le_bytes().into_iter().enumerate() {
                    sums[k / 2] += i32::from(byte as i8);
                }
            }
            let [low, high] = sums.map(|sum| -90 * sum);
            start.0[lane] = (low & 0xffff) | (high << 16);
        }
    }
    starts
}

/// Any numbers, and scales of which the last three are none.
fn tile_and_scales() -> (Box<Tile>, [f32; SIDE]) {
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
    (tile, scales)
}

#[test]
fn hits_are_those_of_loops_on_every_path() {
    let (tile, scales) = tile_and_scales();
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
fn extremes_of_rows_are_those_of_loops_on_every_path() {
    let (mut tile, scales) = tile_and_scales();
    // Larger and smaller than all others, on the diagonal and in a column without a scale.
    for row in 0..SIDE {
        tile[row][row] = i32::MAX;
        tile[row][SIDE - 1] = i32::MIN;
    }
    for n_rows in [1, 7, SIDE - 3] {
        let expected: Vec<[f32; 2]> = (0..n_rows)
            .map(|row| {
                let others = (0..SIDE - 3).filter(|&column| column != row);
                let values = others.map(|c| tile[row][c] as f32 * scales[row] * scales[c]);
                [
                    values.clone().fold(f32::INFINITY, f32::min),
                    values.fold(f32::NEG_INFINITY, f32::max),
                ]
            })
            .collect();
        let scales = (&scales[..n_rows], &scales);
        assert_eq!(row_extremes(&tile, scales.0, scales.1), expected);
        assert_eq!(portable::row_extremes(&tile, scales.0, scales.1), expected);
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the machine has AVX2.
            let found = unsafe { avx2::row_extremes(&tile, scales.0, scales.1) };
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
        for found in [super::largest(&column), portable::largest(&column)] {
            assert_eq!(found, f64::from(largest));
        }
        for found in [largest_part(&column), portable::largest_part(&column)] {
            assert!((found - part).abs() <= 1e-14);
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

/// Of numbers of all sizes, some of them far smaller than the largest, and shapes around those of tiles.
#[test]
fn products_in_slices_are_those_of_f64_within_their_bound() {
    for digits in [Digits::Five, Digits::Six] {
        products_in_slices_are_those_of_f64(digits);
    }
}

fn products_in_slices_are_those_of_f64(digits: Digits) {
    let mut memory = SliceMemory::default();
    let shapes = [
        (1, 1),
        (5, 3),
        (16, 64),
        (17, 65),
        (64, 16),
        (70, 300),
        (200, 129),
        (256, 512),
    ];
    for (seed, (m, n)) in shapes.into_iter().enumerate() {
        let mut w = geometry::random_gaussian(m, n, seed as u64);
        for j in (0..n).step_by(3) {
            for i in (0..m).step_by(2) {
                w[(i, j)] *= libm::exp2(-(j as f64));
            }
        }
        let square: Vec<f64> = (0..n)
            .map(|j| dot(w.col_as_slice(j), w.col_as_slice(j)))
            .collect();
        let factors: Vec<f64> = square.iter().map(|square| 1.0 / square.sqrt()).collect();
        let unit = |i: usize, j: usize| w[(i, j)] * factors[j];
        let mut gram = Mat::<f64>::zeros(m, m);
        let sizes = (0..n).map(|j| super::largest(w.col_as_slice(j)) * factors[j]);
        let columns = SlicedColumns {
            columns: w.as_ref(),
            factors: &factors,
            largest: sizes.fold(0.0, f64::max),
        };
        let lost = add_gram_in_slices(columns, digits, &mut memory, |l, k, products| {
            for (k, product) in (k..m).zip(products).filter(|_| l < m) {
                if k >= l {
                    gram[(k, l)] += product;
                }
            }
        });
        let Some(lost) = lost else {
            // Without tiles nothing is added.
            assert_eq!(gram, Mat::<f64>::zeros(m, m));
            return;
        };
        // For the roundings of f64, here and there.
        let rounding = 4.0 * f64::EPSILON * (n + m) as f64;
        assert_eq!(lost, digits.lost(n, columns.largest));
        let most = match digits {
            Digits::Five => 1e-9,
            Digits::Six => 1e-11,
        };
        assert!(lost <= most * n as f64);
        for l in 0..m {
            for k in l..m {
                let expected: f64 = (0..n).map(|j| unit(l, j) * unit(k, j)).sum();
                let error = (gram[(k, l)] - expected).abs();
                assert!(error <= lost + rounding, "{m} {n}: {error:e} of {lost:e}");
            }
        }
        let triangle = SlicedTriangle::new(gram.as_ref(), digits).unwrap();
        let triangles = [&triangle, &triangle];
        let found = forms_in_slices(columns, &triangles, &mut memory).unwrap();
        assert_eq!(found[0].values, found[1].values);
        let BlockForms {
            values: forms,
            lost,
        } = &found[0];
        for j in 0..n {
            let row = |i: usize| (0..=i).map(|k| gram[(i, k)] * unit(k, j)).sum::<f64>();
            let expected: f64 = (0..m).map(|i| row(i) * unit(i, j)).sum();
            let error = (forms[j] - expected).abs();
            let rounding = rounding * n as f64;
            assert!(error <= lost + rounding, "{m} {n}: {error:e} of {lost:e}");
        }
    }
}

#[test]
fn products_in_slices_of_zeros_are_zeros() {
    let zeros = Mat::<f64>::zeros(5, 40);
    let columns = SlicedColumns {
        columns: zeros.as_ref(),
        factors: &[0.0; 40],
        largest: 0.0,
    };
    let mut memory = SliceMemory::default();
    for digits in [Digits::Five, Digits::Six] {
        add_gram_in_slices(columns, digits, &mut memory, |_, _, products| {
            assert_eq!(*products, [0.0; 16]);
        });
    }
}

/// The cosines of some directions with others, and the sums of their squares; those that are asked for are on the diagonal.
fn cosines_of(
    units: [faer::MatRef<'_, f64>; 2],
    weights: &[f64; SIDE],
    scale: f64,
    is_diagonal: bool,
) -> (Box<Tile>, TileSquares) {
    let m = units[0].nrows();
    let depth = depth_of_digits(m);
    let panels = |units: faer::MatRef<'_, f64>| {
        let mut lines = vec![PanelLine::default(); units.ncols().div_ceil(PANEL) * depth];
        for (p, lines) in lines.chunks_mut(depth).enumerate() {
            let of_panel = p * PANEL..units.ncols().min((p + 1) * PANEL);
            let columns = of_panel.map(|j| (column(units, j), scale));
            digits_of_panel(columns, m, &mut SliceMemory::default(), lines);
        }
        lines
    };
    let mut rows = Rows::of_digits(depth);
    rows.copy(&panels(units[0]), depth);
    let (mut tile, mut squares) = (new_tile(), TileSquares::new());
    (squares.row_weights, squares.column_weights) = (*weights, *weights);
    multiply_digits(
        &rows,
        units[0].ncols(),
        &panels(units[1]),
        (depth, scale),
        is_diagonal,
        &mut tile,
        &mut squares,
    );
    (tile, squares)
}

/// Of random directions, of ones with a single component, of copies and of opposites, at sizes around those of tiles.
#[test]
fn cosines_in_digits_and_sums_of_their_squares_are_those_of_f64_within_their_bound() {
    for (seed, (m, n, others)) in [
        (1, 1, 2),
        (3, 16, 17),
        (64, SIDE, 5),
        (70, 33, SIDE),
        (130, SIDE - 1, SIDE),
        (513, 40, 20),
    ]
    .into_iter()
    .enumerate()
    {
        // With single components every second time: without them digits tell more.
        let has_single = seed % 2 == 0;
        let units = |n: usize, seed: u64| {
            let mut w = geometry::random_gaussian(m, n, seed);
            for j in 0..n {
                let column = w.col_as_slice_mut(j);
                if has_single && j % 5 == 3 {
                    column.fill(0.0);
                    column[j % m] = if j % 2 == 0 { 1.0 } else { -1.0 };
                }
                let length = dot(column, column).sqrt();
                column.iter_mut().for_each(|x| *x /= length);
            }
            w
        };
        let (rows, columns) = (units(n, seed as u64), units(others, 50 + seed as u64));
        let of_both = (0..n).map(|i| rows.col_as_slice(i));
        let of_both = of_both.chain((0..others).map(|j| columns.col_as_slice(j)));
        let Some(scale) = scale_of_digits(of_both.map(super::largest).fold(0.0, f64::max)) else {
            return;
        };
        let lost = lost_of_digits(m, scale);
        assert!(lost <= 2e-9 * (m + 1) as f64, "{m}: {lost:e}");
        let unit = cosine_unit(scale);
        let weights = std::array::from_fn(|j| [1.0, 1.9, 1e-3, 0.0][j % 4] / (1 + j % 7) as f64);
        let (tile, squares) = cosines_of([rows.as_ref(), columns.as_ref()], &weights, scale, false);
        let cosine = |i: usize, j: usize| dot(rows.col_as_slice(i), columns.col_as_slice(j));
        for i in 0..n {
            for j in 0..others {
                let error = (f64::from(tile[i][j]) * unit - cosine(i, j)).abs();
                assert!(error <= lost, "{m} {n}: {error:e} of {lost:e}");
            }
        }
        // Of the squares of some cosines times weights.
        let assert_sum = |found: f64, terms: &[(f64, f64)]| {
            let (mut sum, mut most) = (0.0, 0.0);
            for &(cosine, weight) in terms {
                sum += (cosine * weight) * (cosine * weight);
                most += lost * (2.0 * cosine.abs() + lost) * weight * weight
                    + SQUARE_STEP * unit * unit;
            }
            let error = (found * unit * unit - sum).abs();
            assert!(error <= most, "{m} {n}: {error:e} of {most:e}");
        };
        let terms = |cosines: &dyn Fn(usize) -> f64, count: usize| {
            let of_all = |weight: &dyn Fn(usize) -> f64| {
                let terms = (0..count).map(|k| (cosines(k), weight(k)));
                terms.collect::<Vec<_>>()
            };
            [of_all(&|k| weights[k]), of_all(&|_| 1.0)]
        };
        for i in 0..n {
            for (found, terms) in squares.rows.iter().zip(terms(&|j| cosine(i, j), others)) {
                assert_sum(found[i], &terms);
            }
        }
        for j in 0..others {
            for (found, terms) in squares.columns.iter().zip(terms(&|i| cosine(i, j), n)) {
                assert_sum(found[j], &terms);
            }
        }
        // On the diagonal the same of others, to the bit, though half of it is not computed.
        let same = [rows.as_ref(), rows.as_ref()];
        let (whole, all) = cosines_of(same, &weights, scale, false);
        let (half, once) = cosines_of(same, &weights, scale, true);
        for i in 0..n {
            assert_eq!(half[i][i], 0);
            let others = |j: &usize| *j != i;
            let row = |tile: &Tile| {
                (0..n)
                    .filter(others)
                    .map(|j| tile[i][j])
                    .collect::<Vec<_>>()
            };
            assert_eq!(row(&whole), row(&half));
            for (request, weight) in [weights[i], 1.0].into_iter().enumerate() {
                assert_eq!(all.columns[request][i], all.rows[request][i]);
                let own = f64::from(whole[i][i]) * weight;
                // Rounded as a sum rounds it.
                let least = 2_f64.powi(78);
                let own = own.mul_add(own, least) - least;
                let both = once.rows[request][i] + once.columns[request][i];
                assert_eq!(both + own, all.rows[request][i], "{m} {n}: {i}");
            }
        }
    }
}
