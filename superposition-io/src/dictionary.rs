//! How other programs lay out dictionaries: which tensor holds the directions, and which side of it
//! the features are.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{IoError, cut, shown};
use crate::file::TensorFile;
use crate::tensor::TensorInfo;

/// Which side of a stored matrix its features (or samples) are.
///
/// Nothing in this workspace guesses it from the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    /// Each row is one: PyTorch decoders `[d_sae, d_in]`, embeddings `[vocabulary, d]`.
    Rows,
    /// Each column is one: W `[m, n]` of a toy model, the output directions of a linear layer
    /// `[out, in]`.
    Columns,
}

/// A program's way to store a dictionary.
///
/// | format | files | tensors |
/// |---|---|---|
/// | `saelens` | `sae_weights.safetensors`, `cfg.json` | `W_dec` \[d_sae, d_in\], `W_enc` \[d_in, d_sae\], `b_dec`, and by architecture `b_enc`, `b_gate`, `b_mag`, `threshold` |
/// | `gemma-scope` | `params.npz`, or `params.safetensors` with lower-case names | the same, `b_enc` and `threshold` always |
/// | `sparsify` | `sae.safetensors`, `cfg.json` | `W_dec` and `encoder.weight`, both \[d_sae, d_in\], `encoder.bias`, `b_dec` |
/// | `saelens-synthetic` | `synthetic_model.safetensors`, `synthetic_model_config.json` | `feature_vectors` \[n, d\], `bias`, `firing_probabilities` \[n\] |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DictionaryFormat {
    /// A sparse autoencoder or transcoder of SAELens.
    #[serde(rename = "saelens")]
    SaeLens,
    /// Gemma Scope and Gemma Scope 2.
    GemmaScope,
    /// EleutherAI's sparsify.
    Sparsify,
    /// A `SyntheticModel` of SAELens, whose features are the ground truth.
    #[serde(rename = "saelens-synthetic")]
    SaeLensSynthetic,
}

impl DictionaryFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::SaeLens,
        Self::GemmaScope,
        Self::Sparsify,
        Self::SaeLensSynthetic,
    ];

    /// Its name, as serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SaeLens => "saelens",
            Self::GemmaScope => "gemma-scope",
            Self::Sparsify => "sparsify",
            Self::SaeLensSynthetic => "saelens-synthetic",
        }
    }

    /// The name of the configuration that lies beside the tensors, for formats that have one.
    #[must_use]
    pub fn config_name(self) -> Option<&'static str> {
        match self {
            Self::SaeLens | Self::Sparsify => Some("cfg.json"),
            Self::SaeLensSynthetic => Some("synthetic_model_config.json"),
            Self::GemmaScope => None,
        }
    }
}

impl fmt::Display for DictionaryFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tensor of features and which side of it they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DictionaryTensor {
    /// Its name in the file.
    pub tensor: String,
    /// Which side the features are, by the format.
    pub features: Orientation,
}

/// Where a dictionary's parts are in a file, and why that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DictionaryLayout {
    /// The format.
    pub format: DictionaryFormat,
    /// What decided it, as a clause: "its tensors are W_enc, ... and cfg.json says ...".
    pub reason: String,
    /// The architecture, where the configuration names it.
    pub architecture: Option<String>,
    /// The directions of the features: the decoder.
    pub decoder: DictionaryTensor,
    /// What the features read, where there is an encoder.
    pub encoder: Option<DictionaryTensor>,
    /// Whether the encoder reads from another space than the decoder writes to (a transcoder): then
    /// a cosine between the two means nothing. Gemma Scope's first transcoders do not say that they
    /// are such.
    pub is_transcoder: bool,
    /// The vectors, a number per feature, that scale with the encoder: biases and thresholds.
    pub encoder_vectors: Vec<String>,
    /// The vector of firing probabilities, where the file has it.
    pub firing_rates: Option<String>,
}

impl DictionaryLayout {
    /// The layout of a file, or none if its tensors have the names of no format.
    ///
    /// `config` is the text of the file beside it, if there is one (see
    /// [`DictionaryFormat::config_name`]). `format` is what the caller knows it to be; without it the names of
    /// the tensors and the configuration decide, never a shape. Shapes are compared with each other
    /// and with the configuration.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use superposition_io::{
    ///     DictionaryFormat, DictionaryLayout, Orientation, Overwrite, ReadLimits, TensorFile,
    ///     TensorToWrite, write_safetensors,
    /// };
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("sae_weights.safetensors");
    /// let tensor = |name, shape| TensorToWrite { name, shape, values: &[0.5; 6] };
    /// let tensors = [tensor("W_enc", &[2, 3]), tensor("W_dec", &[3, 2])];
    /// write_safetensors(&path, &tensors, &BTreeMap::new(), Overwrite::Refuse)?;
    /// let file = TensorFile::open(&path, &ReadLimits::default())?;
    ///
    /// let config = r#"{"architecture": "standard", "d_in": 2, "d_sae": 3}"#;
    /// let layout = DictionaryLayout::recognize(&file, Some(config), None)?.unwrap();
    /// assert_eq!(layout.format, DictionaryFormat::SaeLens);
    /// assert_eq!(layout.decoder.features, Orientation::Rows);
    /// // Without it, the same names are those of several programs.
    /// let error = DictionaryLayout::recognize(&file, None, None).unwrap_err();
    /// assert!(error.to_string().contains("saelens"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`IoError::AmbiguousDictionary`] where several formats have these names, and
    /// [`IoError::NotInFormat`] where tensors, shapes and configuration contradict the format.
    pub fn recognize(
        file: &TensorFile,
        config: Option<&str>,
        format: Option<DictionaryFormat>,
    ) -> Result<Option<Self>, IoError> {
        let format = match format {
            Some(format) => format,
            None => match decide(file, config)? {
                Some(format) => format,
                None => return Ok(None),
            },
        };
        lay_out(file, config, format)
            .map(Some)
            .map_err(|reason| IoError::NotInFormat {
                path: file.path().to_owned(),
                format,
                reason,
            })
    }

    /// Which side the features of a tensor are, if the format says so.
    #[must_use]
    pub fn features_of(&self, tensor: &str) -> Option<Orientation> {
        [Some(&self.decoder), self.encoder.as_ref()]
            .into_iter()
            .flatten()
            .find(|place| place.tensor == tensor)
            .map(|place| place.features)
    }
}

/// The format that names of tensors and the configuration mean.
fn decide(file: &TensorFile, config: Option<&str>) -> Result<Option<DictionaryFormat>, IoError> {
    let has = |names: &[&str]| names.iter().all(|name| info(file, name).is_some());
    let gemma_scope = has(&["w_enc", "w_dec", "b_enc", "b_dec", "threshold"])
        || file.is_npz() && has(&["W_enc", "W_dec", "b_enc", "b_dec", "threshold"]);
    let saelens_names = has(&["W_enc", "W_dec"]);
    // A configuration that is no JSON says nothing about which format it belongs to.
    let config = config.and_then(|text| Config::parse(text).ok());
    let saelens_config = config.is_some_and(|c| c.d_in.is_some() && c.d_sae.is_some());
    let found: Vec<DictionaryFormat> = [
        (
            DictionaryFormat::SaeLens,
            // An architecture without an encoder of its own (matching pursuit) has W_dec alone.
            has(&["W_dec"]) && saelens_config && !file.is_npz(),
        ),
        (DictionaryFormat::GemmaScope, gemma_scope),
        (
            DictionaryFormat::Sparsify,
            has(&["encoder.weight", "W_dec"]),
        ),
        (
            DictionaryFormat::SaeLensSynthetic,
            has(&["feature_vectors", "firing_probabilities"]),
        ),
    ]
    .into_iter()
    .filter_map(|(format, is)| is.then_some(format))
    .collect();
    match found.as_slice() {
        [] if saelens_names => Err(IoError::AmbiguousDictionary {
            path: file.path().to_owned(),
            reason: "it has W_enc and W_dec, without a cfg.json beside it that says d_in and d_sae. SAELens and Gemma Scope store W_dec as [d_sae, d_in], other programs as [d_in, d_sae]: say that it is saelens or gemma-scope, or name the tensor and which side its features are".to_owned(),
        }),
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        several => {
            let names: Vec<&str> = several.iter().map(|format| format.name()).collect();
            Err(IoError::AmbiguousDictionary {
                path: file.path().to_owned(),
                reason: format!(
                    "it has the tensors of {}: say which of them it is",
                    names.join(" and of ")
                ),
            })
        }
    }
}

fn info<'a>(file: &'a TensorFile, name: &str) -> Option<&'a TensorInfo> {
    file.tensors().iter().find(|tensor| tensor.name == name)
}

/// The entries of a configuration that say something about shapes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    architecture: Option<String>,
    d_in: Option<u64>,
    d_out: Option<u64>,
    d_sae: Option<u64>,
    num_latents: Option<u64>,
    expansion_factor: Option<u64>,
    transcode: Option<bool>,
    num_features: Option<u64>,
    hidden_dim: Option<u64>,
}

impl Config {
    fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| cut(&e))
    }
}

/// The tensors of a format.
struct Parts {
    /// \[n, d\], a feature in each row.
    decoder: &'static str,
    encoder: Option<(&'static str, Orientation)>,
    /// Of the length of the output.
    bias: &'static str,
    /// A number per feature each, all or some of them there.
    vectors: &'static [&'static str],
    firing_rates: Option<&'static str>,
}

fn parts(file: &TensorFile, format: DictionaryFormat) -> Parts {
    use Orientation::{Columns, Rows};
    let (decoder, encoder, bias, vectors, firing_rates): (_, _, _, &[_], _) = match format {
        DictionaryFormat::SaeLens => (
            "W_dec",
            Some(("W_enc", Columns)),
            "b_dec",
            &["b_enc", "b_gate", "b_mag", "threshold"],
            None,
        ),
        DictionaryFormat::GemmaScope if info(file, "w_dec").is_some() => (
            "w_dec",
            Some(("w_enc", Columns)),
            "b_dec",
            &["b_enc", "threshold"],
            None,
        ),
        DictionaryFormat::GemmaScope => (
            "W_dec",
            Some(("W_enc", Columns)),
            "b_dec",
            &["b_enc", "threshold"],
            None,
        ),
        DictionaryFormat::Sparsify => (
            "W_dec",
            Some(("encoder.weight", Rows)),
            "b_dec",
            &["encoder.bias"],
            None,
        ),
        DictionaryFormat::SaeLensSynthetic => (
            "feature_vectors",
            None,
            "bias",
            &[],
            Some("firing_probabilities"),
        ),
    };
    Parts {
        decoder,
        encoder,
        bias,
        vectors,
        firing_rates,
    }
}

/// Checks the tensors of a format against each other and against the configuration.
fn lay_out(
    file: &TensorFile,
    config: Option<&str>,
    format: DictionaryFormat,
) -> Result<DictionaryLayout, String> {
    let config = match (config, format.config_name()) {
        (Some(text), Some(name)) => {
            let parsed = Config::parse(text);
            Some(parsed.map_err(|e| format!("the {name} beside it cannot be read: {e}"))?)
        }
        _ => None,
    };
    let said = config.as_ref();
    let parts = parts(file, format);
    let [n, d] = matrix_shape(file, parts.decoder)?;
    check_decoder(file, said, format, &parts, [n, d])?;

    let encoder = parts.encoder.filter(|(name, _)| {
        // Matching pursuit encodes with the decoder.
        let may_lack =
            format == DictionaryFormat::SaeLens && said.is_some_and(|c| c.d_sae.is_some());
        !may_lack || info(file, name).is_some()
    });
    let d_encoder = match encoder {
        Some(place) => encoder_width(file, said, format, place, parts.decoder, n)?,
        None => d,
    };
    let encoder_vectors: Vec<String> = parts
        .vectors
        .iter()
        .filter(|name| info(file, name).is_some())
        .map(|name| (*name).to_owned())
        .collect();
    if format == DictionaryFormat::GemmaScope && encoder_vectors.len() < parts.vectors.len() {
        return Err(format!("it lacks one of the tensors {:?}", parts.vectors));
    }
    let firing_rates = parts.firing_rates.map(str::to_owned);
    for name in encoder_vectors.iter().chain(&firing_rates) {
        if shape_of(file, name) != [n] {
            return Err(format!(
                "{name} has shape {:?}, and {} has {n} features",
                shape_of(file, name),
                parts.decoder
            ));
        }
    }

    let architecture = said
        .and_then(|c| c.architecture.as_deref())
        .map(|name| shown(name).to_string());
    let is_transcoder = said.is_some_and(|c| c.transcode == Some(true))
        || d_encoder != d
        || info(file, "affine_skip_connection").is_some()
        || architecture
            .as_ref()
            .is_some_and(|name| name.contains("transcoder"));
    let mut reason = format!("it has {}", parts.decoder);
    if let Some((name, _)) = encoder {
        reason.push_str(&format!(" and {name}"));
    }
    match (&architecture, said.and(format.config_name())) {
        (Some(architecture), Some(name)) => {
            reason.push_str(&format!(
                ", and {name} says that its architecture is {architecture}"
            ));
        }
        (None, Some(name)) => reason.push_str(&format!(", and {name} agrees with their shapes")),
        _ => {}
    }
    Ok(DictionaryLayout {
        format,
        reason,
        architecture,
        decoder: DictionaryTensor {
            tensor: parts.decoder.to_owned(),
            features: Orientation::Rows,
        },
        encoder: encoder.map(|(name, features)| DictionaryTensor {
            tensor: name.to_owned(),
            features,
        }),
        is_transcoder,
        encoder_vectors,
        firing_rates,
    })
}

/// A length, and what says that it is this.
type Known = Option<(u64, String)>;

/// The decoder has the features and the width that the configuration says or, without one, the
/// vectors beside it.
fn check_decoder(
    file: &TensorFile,
    said: Option<&Config>,
    format: DictionaryFormat,
    parts: &Parts,
    [n, d]: [usize; 2],
) -> Result<(), String> {
    let says = |key: &str, of: fn(&Config) -> Option<u64>| -> Known {
        let name = format.config_name().unwrap_or_default();
        let value = said.and_then(of)?;
        Some((value, format!("{name} says that {key} is {value}")))
    };
    let (n_said, d_said) = match format {
        DictionaryFormat::SaeLens => (
            says("d_sae", |c| c.d_sae),
            says("d_out", |c| c.d_out).or_else(|| says("d_in", |c| c.d_in)),
        ),
        // The output of a transcoder may be of another width, which its configuration lacks.
        DictionaryFormat::Sparsify => (
            said.and_then(sparsify_latents),
            says("d_in", |c| c.d_in.filter(|_| c.transcode != Some(true))),
        ),
        DictionaryFormat::SaeLensSynthetic => (
            says("num_features", |c| c.num_features),
            says("hidden_dim", |c| c.hidden_dim),
        ),
        DictionaryFormat::GemmaScope => (None, None),
    };
    let length_of = |name: &str| -> Known {
        let shape = &info(file, name)?.shape;
        Some((*shape.first()? as u64, format!("{name} has {shape:?}")))
    };
    let n_known = n_said.or_else(|| parts.vectors.iter().find_map(|name| length_of(name)));
    let d_known = d_said.or_else(|| length_of(parts.bias));
    for (actual, known, dimension) in [(n, n_known, "first"), (d, d_known, "second")] {
        if let Some((length, what)) = known.filter(|(length, _)| *length != actual as u64) {
            return Err(format!(
                "{} has shape [{n}, {d}], and its {dimension} dimension should be {length}: {what}, and {format} stores a feature in each row",
                parts.decoder
            ));
        }
    }
    Ok(())
}

/// How many dimensions an encoder reads, if it has the features of the decoder.
fn encoder_width(
    file: &TensorFile,
    said: Option<&Config>,
    format: DictionaryFormat,
    (name, side): (&str, Orientation),
    decoder: &str,
    n: usize,
) -> Result<usize, String> {
    let shape = matrix_shape(file, name)?;
    let (n_encoder, d, side) = match side {
        Orientation::Rows => (shape[0], shape[1], "rows"),
        Orientation::Columns => (shape[1], shape[0], "columns"),
    };
    if n_encoder != n {
        return Err(format!(
            "{name} has shape {shape:?}, and {decoder} has {n} features, which are the {side} of {name} in {format}"
        ));
    }
    match said.and_then(|c| c.d_in).filter(|d_in| *d_in != d as u64) {
        Some(d_in) => Err(format!(
            "{name} has shape {shape:?} and reads {d} dimensions, and {} says that d_in is {d_in}",
            format.config_name().unwrap_or_default()
        )),
        None => Ok(d),
    }
}

/// The number of latents that sparsify's configuration means: 0 stands for a multiple of d_in.
fn sparsify_latents(config: &Config) -> Known {
    match (config.num_latents, config.d_in, config.expansion_factor) {
        (Some(n), _, _) if n > 0 => Some((n, format!("cfg.json says that num_latents is {n}"))),
        (_, Some(d_in), Some(factor)) => Some((
            d_in.checked_mul(factor)?,
            format!("cfg.json says that d_in is {d_in} and expansion_factor {factor}"),
        )),
        _ => None,
    }
}

fn shape_of<'a>(file: &'a TensorFile, name: &str) -> &'a [usize] {
    info(file, name).map_or(&[], |tensor| &tensor.shape)
}

fn matrix_shape(file: &TensorFile, name: &str) -> Result<[usize; 2], String> {
    let tensor = info(file, name).ok_or_else(|| format!("it has no tensor {name}"))?;
    match tensor.shape.as_slice() {
        &[rows, columns] => Ok([rows, columns]),
        [_, _, _] => Err(format!(
            "{name} has shape {:?}, several matrices (a cross-layer transcoder?): name the tensor, the slice, and which side its features are",
            tensor.shape
        )),
        shape => Err(format!("{name} has shape {shape:?}, which is not a matrix")),
    }
}
