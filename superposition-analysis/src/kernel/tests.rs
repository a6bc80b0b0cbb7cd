use super::*;

/// Numbers between -32767 and 32767 from a linear congruence.
fn panels(n_panels: usize, depth: usize, seed: u32) -> Vec<PanelLine> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Small enough for the sums of any depth used here.
        (state >> 20) as i32 - 2048
    };
    (0..n_panels * depth)
        .map(|_| PanelLine(std::array::from_fn(|_| (next() << 16) | (next() & 0xffff))))
        .collect()
}

fn component(panels: &[PanelLine], depth: usize, direction: usize, k: usize) -> i64 {
    let word = panels[direction / PANEL * depth + k / 2].0[direction % PANEL];
    if k.is_multiple_of(2) {
        i64::from(word as i16)
    } else {
        i64::from(word >> 16)
    }
}

#[test]
fn products_are_those_of_loops_on_every_path() {
    for (seed, (n_rows, n_columns, depth)) in [
        (1, 1, 1),
        (2, 3, 5),
        (3, 2, 7),
        (24, 24, 3),
        (1, 4, 256),
        (5, 5, 257),
        (2, 7, 600),
    ]
    .into_iter()
    .enumerate()
    {
        let rows = panels(n_rows, depth, seed as u32);
        let columns = panels(n_columns, depth, 100 + seed as u32);
        let mut strips = vec![[7; STRIP]; SIDE / STRIP * depth];
        to_strips(&rows, depth, &mut strips);
        let (mut dispatched, mut plain) = (new_tile(), new_tile());
        multiply(&strips, &columns, depth, &mut dispatched);
        portable::multiply(&strips, &columns, depth, &mut plain);
        for r in 0..SIDE {
            for c in 0..n_columns * PANEL {
                // Zeros after the last direction.
                let expected: i64 = (0..2 * depth)
                    .filter(|_| r < n_rows * PANEL)
                    .map(|k| component(&rows, depth, r, k) * component(&columns, depth, c, k))
                    .sum();
                assert_eq!(
                    i64::from(plain[r][c]),
                    expected,
                    "{n_rows} {n_columns} {depth}"
                );
                assert_eq!(
                    i64::from(dispatched[r][c]),
                    expected,
                    "{n_rows} {n_columns} {depth}"
                );
            }
        }
    }
}

#[test]
fn extremes_are_those_of_loops_on_every_path() {
    let mut tile = new_tile();
    let mut state = 1_u32;
    for row in tile.iter_mut() {
        for x in row {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *x = state as i32;
        }
    }
    for n_rows in [1, 7, SIDE] {
        let (mut dispatched, mut plain) = (Extremes::new(), Extremes::new());
        find_extremes(&tile, n_rows, &mut dispatched);
        portable::find_extremes(&tile, n_rows, &mut plain);
        for found in [&dispatched, &plain] {
            for r in 0..n_rows {
                assert_eq!(Some(&found.row_high[r]), tile[r].iter().max());
                assert_eq!(Some(&found.row_low[r]), tile[r].iter().min());
            }
            for c in 0..SIDE {
                let column = || tile[..n_rows].iter().map(|row| row[c]);
                assert_eq!(Some(found.column_high[c]), column().max());
                assert_eq!(Some(found.column_low[c]), column().min());
            }
        }
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
