//! SVG figures as pixels, with a font of their own: the same bytes on every machine, also where no font is installed.

use anyhow::Context as _;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Pixels for each of the SVG's, in both directions.
const SCALE: f32 = 2.0;
/// Most pixels, 256 MiB of them.
const MAX_PIXELS: u64 = 1 << 26;

/// DejaVu Sans, a part of it: see `fonts/LICENSE`.
const REGULAR: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/DejaVuSans-Bold.ttf");
const FAMILY: &str = "DejaVu Sans";

/// Characters that the regular font has, from the first to the last of each range: as it was cut.
const RANGES: [(char, char); 11] = [
    (' ', '~'),
    ('\u{a0}', '\u{24f}'),
    ('\u{370}', '\u{45f}'),
    ('\u{2010}', '\u{2027}'),
    ('\u{2030}', '\u{203a}'),
    ('\u{2070}', '\u{209c}'),
    ('\u{2100}', '\u{214f}'),
    ('\u{2190}', '\u{21ff}'),
    ('\u{2200}', '\u{22ff}'),
    ('\u{25a0}', '\u{25ff}'),
    ('\n', '\n'),
];

/// The first character of a figure that the font does not have.
pub(crate) fn missing(svg: &str) -> Option<char> {
    let has = |c: &char| {
        RANGES
            .iter()
            .any(|(first, last)| (first..=last).contains(&c))
    };
    svg.chars().find(|c| !has(c))
}

/// A figure as PNG.
pub(crate) fn render(svg: &str) -> anyhow::Result<Vec<u8>> {
    let mut options = Options::default();
    let fonts = options.fontdb_mut();
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(BOLD.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    options.font_family = FAMILY.to_owned();
    let tree = Tree::from_str(svg, &options).context("the figure cannot be drawn as pixels")?;
    let size = tree.size();
    let [width, height] = [size.width(), size.height()].map(|side| (SCALE * side).ceil() as u32);
    anyhow::ensure!(
        u64::from(width) * u64::from(height) <= MAX_PIXELS,
        "a PNG of {width} x {height} pixels is too large: write an .svg"
    );
    let mut pixels = Pixmap::new(width, height).context("the figure has no size")?;
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    pixels.encode_png().context("the pixels cannot be encoded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use superposition_lab::viz::svg::{Axis, Figure, Panel, Series};

    fn pixels(title: &str) -> Pixmap {
        let panel = Panel::new("", Axis::new("x"), Axis::new("y"))
            .with_series(Series::line("a line", vec![[0.0, 0.0], [1.0, 1.0]]));
        let png = render(&Figure::new(title).with_panel(panel).render()).unwrap();
        Pixmap::decode_png(&png).unwrap()
    }

    /// Pixels darker than the middle in the rows of the title, above the frame of a figure without.
    fn ink(of: &Pixmap) -> usize {
        let title = of.pixels().iter().take(of.width() as usize * 46);
        title.filter(|pixel| pixel.red() < 128).count()
    }

    #[test]
    fn letters_are_drawn_without_any_font_of_the_system() {
        let (without, with) = (pixels(""), pixels("Feature directions, \u{3b1} \u{2264} 1"));
        assert_eq!((with.width(), with.height() - without.height()), (760, 32));
        assert_eq!(ink(&without), 0);
        // A dozen letters of some 30 dark pixels each, at the least.
        assert!(ink(&with) > 400, "{}", ink(&with));
        // A longer title has more of it.
        let longer = pixels("Feature directions, twice: feature dir");
        assert!(ink(&longer) > ink(&with));
    }

    #[test]
    fn what_the_font_has_not_is_known() {
        assert_eq!(
            missing("<text>na\u{ef}ve \u{3b1} \u{2264} \u{25cf}\n</text>"),
            None
        );
        assert_eq!(missing("a \u{6f22}"), Some('\u{6f22}'));
    }
}
