//! Reports over files: `analyze`, `probe`, `activations`, `sample`.

use superposition_probe::{Polysemanticity, RotationBaseline};
use superposition_viz::{
    Headline, Square, Summary, SummaryTable, TextStyle, cosine_matrix, histogram, key_values,
    section, summary_report, table,
};

use super::autoencoder::{autoencoder_headlines, control_table, firing_headline};
use super::geometry::{headlines, warnings};
use super::reading::{reading_headlines, reading_tables};
use super::{number, optional, pair, percent};
use crate::{
    ActivationsDocument, AnalysisDocument, Centering, Orientation, ProbeDocument, SampleDocument,
    TensorsDocument,
};

/// Bins of the histograms.
const N_BINS: usize = 20;

/// The report of an analysed matrix.
#[must_use]
pub fn analysis_report(document: &AnalysisDocument, style: &TextStyle) -> String {
    let mut report = summary_report(&analysis_summary(document), style);
    let rows = document.rows();
    let square = document.cosines.as_deref();
    if let Some(square) = square.and_then(|cosines| Square::new(cosines, rows.len())) {
        report.push('\n');
        report.push_str(&cosine_matrix(square, style));
    }
    let mut distribution = |title: &str, values: Vec<f64>| {
        if !values.is_empty() {
            report.push('\n');
            report.push_str(&histogram(title, &values, N_BINS, style));
        }
    };
    distribution("norms", rows.iter().map(|row| row.norm).collect());
    distribution(
        "feature dimensionality",
        rows.iter().map(|row| row.dimensionality).collect(),
    );
    distribution(
        "cosine with the nearest feature",
        rows.iter().filter_map(|row| row.max_cosine).collect(),
    );
    report
}

/// What is said of an analysed matrix: configuration, headline numbers, tables.
pub(crate) fn analysis_summary(document: &AnalysisDocument) -> Summary {
    let geometry = &document.geometry;
    let mut summary = Summary::new(format!(
        "{}: {} features in {} dimensions",
        document.tensor, geometry.n_features, geometry.n_hidden
    ));
    summary.configuration = vec![pair(
        "features",
        match document.features {
            Orientation::Rows => "rows",
            Orientation::Columns => "columns",
        },
    )];
    if let Some(slice) = document.slice {
        summary.configuration.push(pair("slice", slice.to_string()));
    }
    if document.centering == Centering::Mean {
        summary
            .configuration
            .push(pair("centred", "the mean direction was subtracted"));
    }
    summary.configuration.push(pair(
        "read as",
        format!("{}: {}", document.format.name, document.format.reason),
    ));
    let labels = document.labels.as_deref();
    summary.warnings = warnings(geometry, labels);
    summary.headline = headlines(geometry, labels);
    if let Some(firing) = &document.firing {
        summary.headline.push(firing_headline(firing));
    }
    if let Some(found) = &document.autoencoder {
        summary.headline.extend(autoencoder_headlines(found));
    }
    if let Some(spectrum) = &document.spectrum {
        summary.headline.extend([
            Headline::new("rank", spectrum.rank.to_string(), "numerical"),
            Headline::new(
                "effective rank",
                optional(spectrum.effective_rank),
                "exponential of the entropy of the singular values",
            ),
            Headline::new(
                "participation ratio",
                optional(spectrum.participation_ratio),
                "of the squared singular values",
            ),
        ]);
    }
    if let Some(clusters) = &geometry.clusters {
        summary.tables.push(SummaryTable {
            title: format!("Clusters: components of cos^2 > {}", clusters.threshold),
            headers: ["clusters", "of 2 and more", "largest"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![vec![
                clusters.count.to_string(),
                clusters.multi.to_string(),
                clusters.largest.to_string(),
            ]],
            note: "Single linkage: a large cluster may be a chain.".to_owned(),
        });
    }
    if let Some(control) = &document.control {
        summary.tables.push(control_table(document, control));
    }
    summary
        .headline
        .extend(reading_headlines(&document.reading));
    summary.tables.extend(reading_tables(document));
    summary
}

/// The tensors of a file.
#[must_use]
pub fn tensors_report(document: &TensorsDocument, style: &TextStyle) -> String {
    let rows: Vec<Vec<String>> = document
        .tensors
        .iter()
        .map(|tensor| {
            let shape: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
            vec![
                tensor.name.clone(),
                format!("[{}]", shape.join(", ")),
                tensor.dtype.clone(),
            ]
        })
        .collect();
    // A listing is for finding a name in it: all of it, however long.
    let style = style.with_max_rows(rows.len());
    table(&["tensor", "shape", "type"], &rows, &style)
}

/// The report of probed files.
#[must_use]
pub fn probe_report(document: &ProbeDocument, style: &TextStyle) -> String {
    let mut summary = Summary::new(format!(
        "{} labels from {} dimensions over {} samples",
        document.n_features, document.n_neurons, document.n_samples
    ));
    summary.configuration = vec![pair("mean held-out R^2", optional(document.mean_r_squared))];
    if document.probes.len() == document.n_features {
        summary.configuration.push(pair(
            "the same for any full-rank linear map",
            format!(
                "{} (labels of equal variance, activations linear in them)",
                number(document.mean_r_squared_any_w)
            ),
        ));
    }
    summary.configuration.extend([
        pair(
            "coverage",
            format!(
                "{} of the labels probed have held-out R^2 of at least {}",
                document.coverage.map_or_else(|| "-".to_owned(), percent),
                document.coverage_r_squared
            ),
        ),
        pair("seed of the split", document.seed.to_string()),
    ]);
    summary.tables = vec![
        SummaryTable {
            title: "Linear probes, held out".to_owned(),
            headers: [
                "feature", "R^2", "R^2 train", "AUROC", "accuracy", "base rate", "samples",
            ]
            .map(str::to_owned)
            .to_vec(),
            rows: document
                .probes
                .iter()
                .map(|probe| {
                    vec![
                        probe.feature.to_string(),
                        optional(probe.r_squared),
                        optional(probe.r_squared_train),
                        optional(probe.auroc),
                        optional(probe.accuracy),
                        number(probe.base_rate),
                        format!("{} + {}", probe.n_train, probe.n_test),
                    ]
                })
                .collect(),
            note: "base rate: accuracy of always answering with the more frequent class. samples: fitted + held out."
                .to_owned(),
        },
        neuron_table(&document.polysemanticity, &document.rotations),
    ];
    summary_report(&summary, style)
}

/// The neurons of a basis beside random rotations of it.
pub(super) fn neuron_table(found: &Polysemanticity, rotated: &RotationBaseline) -> SummaryTable {
    let row = |name: &str, here: String, rotated: String| vec![name.to_owned(), here, rotated];
    SummaryTable {
        title: "Neurons: what each hidden coordinate responds to".to_owned(),
        headers: ["neurons", "in this basis", "under random rotations"]
            .map(str::to_owned)
            .to_vec(),
        rows: vec![
            row(
                "features per neuron",
                number(found.features_per_neuron),
                format!(
                    "{} +- {}",
                    number(rotated.features_per_neuron.mean),
                    number(rotated.features_per_neuron.std)
                ),
            ),
            row(
                "polysemantic share",
                percent(found.ratio),
                format!(
                    "{} +- {}",
                    percent(rotated.polysemantic_ratio.mean),
                    percent(rotated.polysemantic_ratio.std)
                ),
            ),
            row(
                "polysemantic",
                found.polysemantic_neurons.to_string(),
                "-".to_owned(),
            ),
            row(
                "monosemantic",
                found.monosemantic_neurons.to_string(),
                "-".to_owned(),
            ),
            row(
                "responding to no feature",
                found.unresponsive_neurons.to_string(),
                "-".to_owned(),
            ),
            row("constant", found.dead_neurons.to_string(), "-".to_owned()),
        ],
        note: format!(
            "A neuron responds to a feature when their correlation is significant among all pairs and at least {}. A linear hidden layer has no privileged basis: what is said of its neurons holds for this basis only, and numbers near those of random rotations say nothing about the model.",
            number(found.critical_correlation)
        ),
    }
}

/// The report of activations.
#[must_use]
pub fn activations_report(document: &ActivationsDocument, style: &TextStyle) -> String {
    let mut report = section(
        &format!(
            "{}: {} features over {} samples",
            document.tensor, document.n_features, document.n_samples
        ),
        style,
    );
    report.push_str(&key_values(
        &[
            pair("mean sparsity", optional(document.mean_sparsity)),
            pair(
                "inactive means",
                format!("absolute value up to {}", document.threshold),
            ),
        ],
        style,
    ));
    report.push('\n');
    report.push_str(&histogram(
        "sparsity of the features",
        &document.feature_sparsity,
        N_BINS,
        style,
    ));
    if !document.mutual_information.is_empty() {
        let rows: Vec<Vec<String>> = document
            .mutual_information
            .iter()
            .map(|pair| {
                vec![
                    pair.i.to_string(),
                    pair.j.to_string(),
                    number(pair.information.bits),
                    number(pair.information.corrected_bits),
                ]
            })
            .collect();
        report.push('\n');
        report.push_str(&table(
            &[
                "i",
                "j",
                "mutual information (bits)",
                "bias-corrected (bits)",
            ],
            &rows,
            style,
        ));
    }
    report
}

/// What `sample` wrote.
#[must_use]
pub fn sample_report(document: &SampleDocument, style: &TextStyle) -> String {
    let shape = |width: usize| format!("[{}, {width}]", document.n_samples);
    key_values(
        &[
            pair("features", shape(document.n_features)),
            pair("hidden", shape(document.n_hidden)),
            pair("reconstruction", shape(document.n_features)),
            pair("seed", document.seed.to_string()),
        ],
        style,
    )
}
