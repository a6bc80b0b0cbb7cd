//! What the file of an autoencoder says beside its directions, and the control beside both.

use superposition_analysis::DictionaryReport;
use superposition_viz::{Headline, SummaryTable};

use super::{number, optional};
use crate::{
    AnalysisDocument, AutoencoderSummary, ControlSummary, FiringSummary, NormConvention, Quantiles,
};

pub(super) fn autoencoder_headlines(found: &AutoencoderSummary) -> Vec<Headline> {
    let norm = &found.stored_decoder_norm;
    let convention = match found.decoder_norms {
        NormConvention::Unit => "1 in the file",
        NormConvention::Folded => "moved to the encoder: directions above have norm 1",
        NormConvention::Stored => "as stored: norms above are these",
    };
    let cosine = match &found.encoder_cosine {
        Some(cosine) => Headline::new(
            "cosine of encoder and decoder",
            number(cosine.mean),
            format!("mean; {}", spread(cosine)),
        ),
        None => Headline::new(
            "cosine of encoder and decoder",
            "-",
            found.encoder_cosine_reason.unwrap_or_default(),
        ),
    };
    vec![
        Headline::new(
            "decoder norm",
            number(norm.mean),
            format!("mean; {}; {convention}", spread(norm)),
        ),
        cosine,
    ]
}

pub(super) fn firing_headline(firing: &FiringSummary) -> Headline {
    let masked = if firing.masked {
        ", set to zero here"
    } else {
        ""
    };
    Headline::new(
        "dead features",
        firing.n_dead.to_string(),
        format!(
            "firing rate below {:e}{masked}; rates: mean {}, {}",
            firing.dead_below,
            number(firing.rate.mean),
            spread(&firing.rate)
        ),
    )
}

fn spread(quantiles: &Quantiles) -> String {
    format!(
        "median {}, 90 % between {} and {}",
        number(quantiles.median),
        number(quantiles.q05),
        number(quantiles.q95)
    )
}

/// The same statistics of the file and of its control.
pub(super) fn control_table(document: &AnalysisDocument, control: &ControlSummary) -> SummaryTable {
    let geometry = |name: &str, of: fn(&DictionaryReport) -> Option<f64>| {
        let (here, there) = (of(&document.geometry), of(&control.geometry));
        vec![name.to_owned(), optional(here), optional(there)]
    };
    let encoder = |name: &str, of: fn(&AutoencoderSummary) -> Option<f64>| {
        let here = document.autoencoder.as_ref().and_then(of);
        let there = control.autoencoder.as_ref().and_then(of);
        vec![name.to_owned(), optional(here), optional(there)]
    };
    SummaryTable {
        title: "Beside the control".to_owned(),
        headers: ["statistic", "here", "control"].map(str::to_owned).to_vec(),
        rows: vec![
            geometry("features represented", |g| Some(g.n_represented as f64)),
            geometry("total dimensionality", |g| Some(g.total_dimensionality)),
            geometry("feature dimensionality, mean", |g| {
                Some(g.feature_dimensionality.mean)
            }),
            geometry("mean interference", |g| Some(g.mean_interference)),
            geometry("largest cosine", |g| g.max_cosine.map(|pair| pair.value)),
            geometry("smallest cosine", |g| g.min_cosine.map(|pair| pair.value)),
            geometry("coherence", |g| g.coherence.map(|pair| pair.value)),
            geometry("tightness", |g| g.tightness),
            encoder("decoder norm, mean", |a| Some(a.stored_decoder_norm.mean)),
            encoder("cosine of encoder and decoder, mean", |a| {
                a.encoder_cosine.map(|cosine| cosine.mean)
            }),
            encoder("cosine of encoder and decoder, median", |a| {
                a.encoder_cosine.map(|cosine| cosine.median)
            }),
        ],
        note: format!(
            "The control is {} read as {}.",
            control.tensor, control.format.name
        ),
    }
}
