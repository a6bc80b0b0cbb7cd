//! Results in a few lines of text, for a log or a terminal. A value that does not exist is a dash.

use std::fmt;

use crate::{
    ActivityInterference, ClusterSummary, Comparison, DictionaryReport, LayerSummary, Matching,
    NullBaselines, NullComparison, NullDistribution, PairCosine, PairWeighting, Score, Spectrum,
    StreamPlan,
};

/// Four significant digits, or a dash.
struct Short(Option<f64>);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("-"),
            Some(x) if x == 0.0 || !x.is_finite() => write!(f, "{x}"),
            Some(x) if (1e-3..1e6).contains(&x.abs()) => {
                let digits = 3 - libm::floor(libm::log10(x.abs())) as i32;
                write!(f, "{x:.*}", digits.max(0) as usize)
            }
            Some(x) => write!(f, "{x:.3e}"),
        }
    }
}

fn short(x: f64) -> Short {
    Short(Some(x))
}

/// `0.6 (0, 1)`: the cosine and the two features.
impl fmt::Display for PairCosine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", short(self.value), self.i, self.j)
    }
}

/// One line.
impl fmt::Display for ClusterSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            threshold,
            count,
            multi,
            largest,
        } = self;
        write!(
            f,
            "{count} clusters at cos^2 > {threshold}, {multi} of two features or more, the largest of {largest}"
        )
    }
}

/// The headlines, a line each, without the features.
///
/// ```
/// use superposition_analysis::{AnalysisOptions, analyze, from_columns};
/// let w = from_columns(&[1.0, 0.0, -1.0, 0.0], 2, 2);
/// let report = analyze(w, &AnalysisOptions::default())?.to_string();
/// assert!(report.starts_with("2 features in 2 dimensions, 2 with a norm above 0\n"));
/// assert!(report.contains("\nsmallest cosine: -1.000 (0, 1)\n"));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
impl fmt::Display for DictionaryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let norms = &self.feature_norms;
        let dimensionality = &self.feature_dimensionality;
        writeln!(
            f,
            "{} features in {} dimensions, {} with a norm above {}",
            self.n_features, self.n_hidden, self.n_represented, self.min_norm
        )?;
        writeln!(
            f,
            "norm: {}, from {} to {}",
            short(norms.mean),
            short(norms.min),
            short(norms.max)
        )?;
        writeln!(
            f,
            "dimensionality: {}, from {} to {}; total {}",
            short(dimensionality.mean),
            short(dimensionality.min),
            short(dimensionality.max),
            short(self.total_dimensionality)
        )?;
        writeln!(
            f,
            "mean interference: {}; random {}, tight frame {}",
            short(self.mean_interference),
            short(self.mean_interference_chance),
            short(self.mean_interference_tight)
        )?;
        for (name, pair) in [
            ("largest cosine", self.max_cosine),
            ("smallest cosine", self.min_cosine),
            ("coherence", self.coherence),
        ] {
            match pair {
                Some(pair) => writeln!(f, "{name}: {pair}")?,
                None => writeln!(f, "{name}: -")?,
            }
        }
        match &self.clusters {
            Some(clusters) => writeln!(f, "{clusters}")?,
            None => writeln!(f, "pairs were not compared")?,
        }
        write!(
            f,
            "frame potential: {}; tightness {}",
            short(self.frame_potential),
            Short(self.tightness)
        )
    }
}

/// One line: the largest singular value and the effective dimensions.
impl fmt::Display for Spectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} singular values, the largest {}; effective rank {}, participation ratio {}, stable rank {}",
            self.singular_values.len(),
            Short(self.singular_values.first().copied()),
            Short(self.effective_rank),
            Short(self.participation_ratio),
            Short(self.stable_rank)
        )
    }
}

/// The geometry, and a line about the spectrum.
impl fmt::Display for LayerSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\nrank {}; effective rank {}, participation ratio {}",
            self.geometry,
            self.rank,
            Short(self.effective_rank),
            Short(self.participation_ratio)
        )
    }
}

/// One line.
impl fmt::Display for ActivityInterference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weighting = match self.weighting {
            PairWeighting::Unweighted => "unweighted".to_owned(),
            PairWeighting::Rates => "weighted by firing rates".to_owned(),
            PairWeighting::Samples { n_samples } => {
                format!("weighted by co-occurrence in {n_samples} samples")
            }
        };
        write!(
            f,
            "mean cos^2 of pairs {weighting}: {}; {} pairs at a time, {} together",
            Short(self.mean),
            short(self.pairs),
            short(self.total)
        )
    }
}

/// `0.5 +- 0.1 (0.4 .. 0.6)`: the mean, the standard deviation, and the 5 % and 95 % quantiles, as far as they are known.
impl fmt::Display for NullDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", short(self.mean))?;
        if let Some(std) = self.std {
            write!(f, " +- {}", short(std))?;
        }
        if let Some(quantiles) = self.quantiles {
            write!(f, " ({} .. {})", short(quantiles.p05), short(quantiles.p95))?;
        }
        Ok(())
    }
}

/// One line.
impl fmt::Display for NullComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Short(self.observed))?;
        for (name, null) in [
            ("same moments", &self.matched),
            ("isotropic", &self.isotropic),
        ] {
            match null {
                Some(null) => write!(f, "; {name} {null}")?,
                None => write!(f, "; {name} -")?,
            }
        }
        Ok(())
    }
}

/// A line for each statistic.
impl fmt::Display for NullBaselines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} features in {} dimensions beside {} random dictionaries of seed {}",
            self.n_represented, self.n_hidden, self.draws, self.seed
        )?;
        for (name, comparison) in [
            ("mean interference", &self.mean_interference),
            ("nearest cosine, mean", &self.nearest_cosine_mean),
            ("nearest cosine, 5 %", &self.nearest_cosine_p05),
            ("nearest cosine, median", &self.nearest_cosine_median),
            ("nearest cosine, 95 %", &self.nearest_cosine_p95),
            ("largest cosine", &self.max_cosine),
            ("smallest cosine", &self.min_cosine),
        ] {
            write!(f, "\n{name}: {comparison}")?;
        }
        write!(
            f,
            "\nmean degree at cos^2 > {}: {}",
            self.edge_threshold, self.mean_degree
        )
    }
}

/// One line.
impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} and {} features matched, mean cosine {}; {} shared",
            self.pairs.len(),
            self.n_represented[0],
            self.n_represented[1],
            Short(self.mean_cosine),
            self.n_shared
        )
    }
}

/// One line: the value beside the means of the baselines.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.metric)?;
        match &self.undefined {
            Some(why) => write!(f, "{why}")?,
            None => write!(f, "{}", Short(self.value))?,
        }
        for (name, null) in [("random", &self.random), ("rotated", &self.rotated)] {
            if let Some(null) = null {
                write!(f, "; {name} {}", short(null.mean))?;
            }
        }
        Ok(())
    }
}

/// A line for each metric.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([n_a, n_b], [m_a, m_b]) = (self.n_features, self.n_hidden);
        write!(f, "{n_a} features in {m_a} dimensions and {n_b} in {m_b}")?;
        if let Some(matching) = &self.matching {
            write!(f, "\n{matching}")?;
        }
        for score in &self.scores {
            write!(f, "\n{score}")?;
        }
        Ok(())
    }
}

/// One line.
impl fmt::Display for StreamPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} columns read, {:.1e} operations, {} bytes; {} bands of {} features",
            self.columns_read,
            self.sum_flops + self.pair_flops,
            self.memory,
            self.n_bands,
            self.band_features
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Activity, AnalysisOptions, CompareOptions, Features, NullOptions, Pairs, StreamOptions,
        activity_interference, analyze, compare, from_columns, layer_summary, null_baselines,
        spectrum,
    };

    #[test]
    fn numbers_have_four_digits_at_any_size() {
        for (x, text) in [
            (Some(0.0), "0"),
            (Some(0.001), "0.001000"),
            (Some(0.000_999), "9.990e-4"),
            (Some(-0.123_456), "-0.1235"),
            (Some(1.0), "1.000"),
            (Some(999.96), "1000.0"),
            (Some(123_456.7), "123457"),
            (Some(1e6), "1.000e6"),
            (Some(1e300), "1.000e300"),
            (Some(f64::NAN), "NaN"),
            (Some(f64::INFINITY), "inf"),
            (None, "-"),
        ] {
            assert_eq!(Short(x).to_string(), text);
        }
    }

    /// Ordinary dictionaries, a single feature, and nothing but zeros.
    #[test]
    fn every_result_is_some_lines_of_text() {
        for (values, m, n) in [
            (vec![1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3),
            (vec![2.0], 1, 1),
            (vec![0.0; 6], 3, 2),
        ] {
            let w = from_columns(&values, m, n);
            for pairs in [Pairs::Compared, Pairs::Skipped] {
                let options = AnalysisOptions::default().with_pairs(pairs);
                let report = analyze(w, &options).unwrap();
                assert_eq!(report.to_string().lines().count(), 9);
                let layer = layer_summary(w, Features::Columns, &options).unwrap();
                assert!(layer.to_string().starts_with(&report.to_string()));
                let budget = StreamOptions::new(options, 1 << 30);
                let plan = StreamPlan::new((m, n), 8, &budget).unwrap();
                assert_eq!(plan.to_string().lines().count(), 1);
            }
            let options = AnalysisOptions::default();
            let activity = activity_interference(w, Activity::Unknown, &options).unwrap();
            assert_eq!(activity.to_string().lines().count(), 1);
            assert_eq!(spectrum(w).unwrap().to_string().lines().count(), 1);
            let mut null = NullOptions::new(1);
            null.draws = 2;
            let null = null_baselines(w, &null).unwrap();
            assert_eq!(null.to_string().lines().count(), 9);
            let comparison = compare(w, w, &CompareOptions::default()).unwrap();
            let lines = comparison.to_string().lines().count();
            assert_eq!(lines, 2 + comparison.scores.len());
        }
        let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
        let text = analyze(w, &AnalysisOptions::default()).unwrap().to_string();
        for line in [
            "3 features in 2 dimensions, 3 with a norm above 0",
            "norm: 1.000, from 1.000 to 1.000",
            "largest cosine: 0.6000 (0, 1)",
            "smallest cosine: -1.000 (0, 2)",
            "coherence: 1.000 (0, 2)",
            "2 clusters at cos^2 > 0.5, 1 of two features or more, the largest of 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
    }
}
