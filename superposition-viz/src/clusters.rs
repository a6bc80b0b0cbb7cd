//! Clusters of interfering features.

use crate::bars::{n_shown, showing};
use crate::number::counted;
use crate::page::{Page, Paint, columns, pad_left};
use crate::plane::listed;
use crate::style::TextStyle;

/// The most lines of members of one cluster.
const MEMBER_LINES: usize = 3;

/// Lists clusters of features, those with a single member only counted.
///
/// `members[k]` are the features of cluster k; `n_features` is the number of features they were looked for in.
/// Clusters keep their number and order; of a long cluster the first members are shown and the others counted.
///
/// ```
/// use superposition_viz::{TextStyle, clusters};
/// let members = [vec![0, 3, 4], vec![1], vec![2, 5]];
/// assert_eq!(clusters(&members, 6, &TextStyle::default()), "\
/// Clusters of interfering features
/// 3 clusters of 6 features   2 with several members   1 with one   largest 3
///
/// cluster  size  features
///       0     3  0 3 4
///       2     2  2 5
/// ");
/// ```
#[must_use]
pub fn clusters(members: &[Vec<usize>], n_features: usize, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    push_clusters(&mut page, members, n_features);
    page.finish()
}

pub(crate) fn push_clusters(page: &mut Page, members: &[Vec<usize>], n_features: usize) {
    page.title("Clusters of interfering features");
    let several: Vec<(usize, &Vec<usize>)> = members
        .iter()
        .enumerate()
        .filter(|(_, m)| m.len() > 1)
        .collect();
    let n_single = members.iter().filter(|m| m.len() == 1).count();
    let largest = members.iter().map(Vec::len).max().unwrap_or(0);
    page.facts(&[
        (
            "",
            format!(
                "{} of {}",
                counted(members.len(), "cluster"),
                counted(n_features, "feature")
            ),
        ),
        ("", format!("{} with several members", several.len())),
        ("", format!("{n_single} with one")),
        ("", format!("largest {largest}")),
    ]);
    let n_outside = members
        .iter()
        .flatten()
        .filter(|&&feature| feature >= n_features)
        .count();
    if n_outside > 0 {
        page.alert(&format!(
            "{} beyond the last of {n_features}",
            counted(n_outside, "index").replace("indexs", "indices")
        ));
    }
    let shown = n_shown(several.len(), &page.style);
    if shown > 0 {
        page.blank();
        let width = |texts: &mut dyn Iterator<Item = String>, header: &str| {
            texts
                .map(|text| columns(&text))
                .max()
                .unwrap_or(0)
                .max(columns(header))
        };
        let number_width = width(
            &mut several[..shown].iter().map(|(k, _)| k.to_string()),
            "cluster",
        );
        let size_width = width(
            &mut several[..shown].iter().map(|(_, m)| m.len().to_string()),
            "size",
        );
        let start = |number: &str, size: &str| {
            format!(
                "{}  {}  ",
                pad_left(number, number_width),
                pad_left(size, size_width)
            )
        };
        page.text(
            Paint::Faint,
            &format!("{}features", start("cluster", "size")),
        );
        for (number, features) in &several[..shown] {
            let start = start(&number.to_string(), &features.len().to_string());
            for (k, line) in member_lines(features, page.width.saturating_sub(columns(&start)))
                .iter()
                .enumerate()
            {
                let indent = if k == 0 {
                    start.clone()
                } else {
                    " ".repeat(columns(&start))
                };
                page.text(Paint::Plain, &format!("{indent}{line}"));
            }
        }
    }
    showing(
        page,
        shown,
        several.len(),
        "cluster",
        " with several members",
    );
}

/// As many members as fit into a few lines, and how many more there are.
fn member_lines(features: &[usize], room: usize) -> Vec<String> {
    let room = room.max(2);
    let mut most = features.len();
    loop {
        let lines = crate::page::wrap(&listed(features, most), room);
        if lines.len() <= MEMBER_LINES || most <= 1 {
            return lines;
        }
        // Digits and spaces bound how many can fit, so that a huge cluster is not wrapped again and again.
        most = (most - 1).min(room * MEMBER_LINES / 2);
    }
}
