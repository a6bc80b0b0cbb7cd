//! Colours that are told apart under the common colour blindnesses.

/// The colours of Okabe and Ito, for categories: blue, vermillion, bluish green, orange, sky blue, reddish purple,
/// yellow, black. Category `k` has colour `k` modulo 8.
pub const CATEGORIES: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#f0e442", "#000000",
];

/// Red, green and blue of a category.
pub(super) fn category_rgb(k: usize) -> [u8; 3] {
    let value = u32::from_str_radix(&CATEGORIES[k % CATEGORIES.len()][1..], 16);
    let [_, r, g, b] = value.unwrap_or(0).to_be_bytes();
    [r, g, b]
}

/// What has no value.
pub(super) const UNDEFINED: &str = "#bdbdbd";

/// The ground that a figure is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// White, for paper.
    #[default]
    Light,
    /// Nearly black, for dark pages and slides. The last of [`CATEGORIES`] is white, and the first a lighter blue.
    Dark,
}

impl Theme {
    /// The colour of a category.
    pub(super) fn category(self, k: usize) -> &'static str {
        match (self, k % CATEGORIES.len()) {
            (Self::Dark, 0) => "#3d9be0",
            (Self::Dark, 7) => "#ffffff",
            (_, k) => CATEGORIES[k],
        }
    }

    pub(super) fn ground(self) -> &'static str {
        match self {
            Self::Light => "#fff",
            Self::Dark => "#17191c",
        }
    }

    /// Axes and frames.
    pub(super) fn line(self) -> &'static str {
        match self {
            Self::Light => "#333",
            Self::Dark => "#b4b9c1",
        }
    }

    /// What steps back.
    pub(super) fn faint(self) -> &'static str {
        match self {
            Self::Light => "#757575",
            Self::Dark => "#8b919b",
        }
    }
}

/// The colours of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// viridis: dark is low, and as bright as it is high.
    #[default]
    Sequential,
    /// From blue by white to vermillion, white at 0, as far on both sides.
    Diverging,
}

/// viridis at equal distances.
const VIRIDIS: [[u8; 3]; 9] = [
    [0x44, 0x01, 0x54],
    [0x47, 0x2d, 0x7b],
    [0x3b, 0x52, 0x8b],
    [0x2c, 0x72, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x28, 0xae, 0x80],
    [0x5e, 0xc9, 0x62],
    [0xad, 0xdc, 0x30],
    [0xfd, 0xe7, 0x25],
];

const BLUE_TO_VERMILLION: [[u8; 3]; 3] =
    [[0x00, 0x72, 0xb2], [0xf7, 0xf7, 0xf7], [0xd5, 0x5e, 0x00]];

impl Palette {
    /// The colour at `share` of the way from low to high.
    pub(super) fn color(self, share: f64) -> String {
        let [r, g, b] = self.rgb(share);
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// The same as red, green and blue.
    pub(super) fn rgb(self, share: f64) -> [u8; 3] {
        let anchors: &[[u8; 3]] = match self {
            Self::Sequential => &VIRIDIS,
            Self::Diverging => &BLUE_TO_VERMILLION,
        };
        let at = share.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
        let low = (at.floor() as usize).min(anchors.len() - 2);
        let (a, b, rest) = (anchors[low], anchors[low + 1], at - low as f64);
        std::array::from_fn(|k| {
            let (a, b) = (f64::from(a[k]), f64::from(b[k]));
            (a + rest * (b - a)).round() as u8
        })
    }
}
