//! Figures as files: SVG, or pixels.

use std::path::Path;

use superposition_lab::io::{Overwrite, write_atomic};
use superposition_lab::viz::svg::Figure;

use crate::failure::Failure;
use crate::report_args::FigureFormat;

/// Refuses a name that says neither, and what this program was built without, before anything is computed.
pub(crate) fn check(path: &Path, format: Option<FigureFormat>) -> Result<(), Failure> {
    let format = format.or_else(|| of_name(path)).ok_or_else(|| {
        Failure::Usage(anyhow::anyhow!(
            "a figure is a file .svg or .png, and not {}: choose another name, or say --format",
            path.display()
        ))
    })?;
    match format {
        FigureFormat::Png if !cfg!(feature = "png") => Err(Failure::Usage(anyhow::anyhow!(
            "this program was built without the feature png: write an .svg"
        ))),
        _ => Ok(()),
    }
}

/// Writes it whole or not at all.
pub(crate) fn write(
    path: &Path,
    format: Option<FigureFormat>,
    figure: &Figure,
    overwrite: Overwrite,
) -> Result<(), Failure> {
    let svg = figure.render();
    let bytes = match format.or_else(|| of_name(path)) {
        Some(FigureFormat::Png) => pixels(&svg)?,
        _ => svg.into_bytes(),
    };
    Ok(write_atomic(path, &bytes, overwrite)?)
}

fn of_name(path: &Path) -> Option<FigureFormat> {
    let end = path.extension()?.to_str()?.to_ascii_lowercase();
    match end.as_str() {
        "svg" => Some(FigureFormat::Svg),
        "png" => Some(FigureFormat::Png),
        _ => None,
    }
}

#[cfg(not(feature = "png"))]
fn pixels(_: &str) -> Result<Vec<u8>, Failure> {
    Err(Failure::Failed(anyhow::anyhow!("built without png")))
}

#[cfg(feature = "png")]
fn pixels(svg: &str) -> Result<Vec<u8>, Failure> {
    if let Some(missing) = crate::png::missing(svg) {
        crate::output::note(&format!(
            "the font of PNG figures has no {missing:?}: an SVG shows it where a font does"
        ));
    }
    Ok(crate::png::render(svg)?)
}
