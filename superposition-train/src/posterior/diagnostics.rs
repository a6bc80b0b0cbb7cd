//! Whether chains are to be believed.

/// The chains cut in halves, or why nothing can be said: fewer than 4 draws, or chains of different lengths.
fn halves<'a>(chains: &[&'a [f64]]) -> Option<Vec<&'a [f64]>> {
    let n = chains.first()?.len();
    if n < 4 || chains.iter().any(|chain| chain.len() != n) {
        return None;
    }
    // The middle draw of an odd chain is left out.
    let half = n / 2;
    let cut = |chain: &&'a [f64]| [&chain[..half], &chain[n - half..]];
    Some(chains.iter().flat_map(cut).collect())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// With n - 1 in the denominator.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    squares.sum::<f64>() / (values.len() - 1) as f64
}

/// The mean variance within chains, and the pooled estimate that also has the variance between them.
fn variances(chains: &[&[f64]]) -> (f64, f64) {
    let n = chains[0].len() as f64;
    let each: Vec<f64> = chains.iter().map(|chain| variance(chain)).collect();
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let within = mean(&each);
    (within, within * (n - 1.0) / n + variance(&means))
}

/// The potential scale reduction `$\hat R$` of chains of equal length, each cut in halves: the square root of the pooled
/// variance by that within halves.
///
/// Near 1 if the chains agree with each other and with themselves; above 1.01 they are usually thought too short. NaN for
/// chains of different lengths or fewer than 4 draws, and 1 where all draws are equal.
///
/// ```
/// use superposition_train::posterior::r_hat;
///
/// let [low, high] = [[0.0, 1.0, 0.0, 1.0], [9.0, 8.0, 9.0, 8.0]];
/// assert!(r_hat(&[&low, &high]) > 5.0);
/// ```
///
/// # References
/// Gelman et al. 2013, *Bayesian Data Analysis*, section 11.4.
#[must_use]
pub fn r_hat(chains: &[&[f64]]) -> f64 {
    let Some(chains) = halves(chains) else {
        return f64::NAN;
    };
    match variances(&chains) {
        (_, 0.0) => 1.0,
        (within, pooled) => (pooled / within).sqrt(),
    }
}

/// How many independent draws would estimate the mean as well as these chains of equal length do.
///
/// Chains are cut in halves. With the autocorrelations `$\hat\rho_t$`, pooled over them, it is the number of draws by
/// `$\hat\tau = -1 + 2 \sum_t (\hat\rho_{2t} + \hat\rho_{2t+1})$`, summed as long as the pairs are positive and made
/// monotone (Geyer 1992), and at most the number of draws times its logarithm to base 10. NaN for chains of different lengths or fewer than 4 draws;
/// where all draws are equal, their number. Costs the square of their length where they are strongly correlated.
///
/// ```
/// use superposition_train::posterior::effective_sample_size;
///
/// // Draws that alternate about their mean say more of it than independent ones.
/// let chain: Vec<f64> = (0..100).map(|k| f64::from(k % 2)).collect();
/// assert!(effective_sample_size(&[&chain]) > 100.0);
/// ```
///
/// # References
/// Vehtari et al. 2021, *Rank-normalization, folding, and localization: an improved R-hat*, section 3.2, without its ranks.
#[must_use]
pub fn effective_sample_size(chains: &[&[f64]]) -> f64 {
    let Some(chains) = halves(chains) else {
        return f64::NAN;
    };
    let n = chains[0].len();
    let n_draws = (chains.len() * n) as f64;
    let (within, pooled) = variances(&chains);
    if pooled == 0.0 {
        return n_draws;
    }
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let correlation = |lag: usize| {
        let covariances = chains.iter().zip(&means).map(|(chain, mean)| {
            let products = chain.iter().zip(&chain[lag..]);
            products.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n as f64
        });
        let covariance = covariances.sum::<f64>() / chains.len() as f64;
        1.0 - (within - covariance) / pooled
    };
    let (mut sum, mut least) = (0.0, f64::INFINITY);
    for lag in (0..n).step_by(2) {
        let even = if lag == 0 { 1.0 } else { correlation(lag) };
        let pair = even + correlation(lag + 1);
        if pair.is_nan() {
            return f64::NAN;
        }
        // Beyond, there are too few products to estimate anything.
        let last = lag + 4 >= n;
        if pair <= 0.0 || last {
            // Where autocorrelations end, what is left of the even one still counts.
            sum += 0.5 * even.max(0.0);
            break;
        }
        least = least.min(pair);
        sum += least;
    }
    let tau = (2.0 * sum - 1.0).max(1.0 / libm::log10(n_draws));
    n_draws / tau
}
