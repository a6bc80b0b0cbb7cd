//! Complex numbers, a few nodes at a time.

/// How many nodes are evaluated together. Plain loops of this length are what compilers make vector code of.
pub(super) const LANES: usize = 8;

/// A complex number for each of [`LANES`] nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    pub(super) re: [f64; LANES],
    pub(super) im: [f64; LANES],
}

impl Lanes {
    #[inline(always)]
    pub(super) fn from_fn(f: impl Fn(usize) -> (f64, f64)) -> Self {
        let mut lanes = Self::real(0.0);
        for l in 0..LANES {
            (lanes.re[l], lanes.im[l]) = f(l);
        }
        lanes
    }

    /// The same real number everywhere.
    #[inline(always)]
    pub(super) fn real(value: f64) -> Self {
        Self {
            re: [value; LANES],
            im: [0.0; LANES],
        }
    }

    #[inline(always)]
    pub(super) fn plus(mut self, other: Self) -> Self {
        for l in 0..LANES {
            self.re[l] += other.re[l];
            self.im[l] += other.im[l];
        }
        self
    }

    #[inline(always)]
    pub(super) fn minus(mut self, other: Self) -> Self {
        for l in 0..LANES {
            self.re[l] -= other.re[l];
            self.im[l] -= other.im[l];
        }
        self
    }

    #[inline(always)]
    pub(super) fn plus_real(mut self, value: f64) -> Self {
        for l in 0..LANES {
            self.re[l] += value;
        }
        self
    }

    #[inline(always)]
    pub(super) fn scaled(mut self, factor: f64) -> Self {
        for l in 0..LANES {
            self.re[l] *= factor;
            self.im[l] *= factor;
        }
        self
    }

    #[inline(always)]
    pub(super) fn times(mut self, other: Self) -> Self {
        for l in 0..LANES {
            let (a, b) = (self.re[l], self.im[l]);
            self.re[l] = a * other.re[l] - b * other.im[l];
            self.im[l] = a * other.im[l] + b * other.re[l];
        }
        self
    }

    #[inline(always)]
    pub(super) fn inverse(mut self) -> Self {
        for l in 0..LANES {
            let norm = self.re[l] * self.re[l] + self.im[l] * self.im[l];
            self.re[l] /= norm;
            self.im[l] /= -norm;
        }
        self
    }

    /// The sum over the nodes of the real parts of the products.
    #[inline(always)]
    pub(super) fn real_dot(&self, other: &Self) -> f64 {
        let mut sum = 0.0;
        for l in 0..LANES {
            sum += self.re[l] * other.re[l] - self.im[l] * other.im[l];
        }
        sum
    }

    /// The absolute value of lane `l`.
    #[inline(always)]
    pub(super) fn abs(&self, l: usize) -> f64 {
        (self.re[l] * self.re[l] + self.im[l] * self.im[l]).sqrt()
    }
}

/// The nodes `$s_k = c + i k h$` that are evaluated now.
pub(super) struct Nodes {
    pub(super) c: f64,
    pub(super) h: f64,
    pub(super) s: Lanes,
    pub(super) inverse: Lanes,
    /// The smallest absolute value.
    pub(super) least: f64,
}

impl Nodes {
    /// From node number `first` on.
    pub(super) fn new(c: f64, h: f64, first: usize) -> Self {
        let s = Lanes::from_fn(|l| (c, h * (first + l) as f64));
        Self {
            c,
            h,
            s,
            inverse: s.inverse(),
            least: s.abs(0),
        }
    }
}

/// `$e^{g s}$` at the nodes, which a rotation carries from one set of nodes to the next, and the transforms
/// `$\mu_k(g s)$` of `$U^k$`, U uniform on (0, 1):
///
/// ```text
/// mu_k(w) = E U^k e^{w U} = d^k/dw^k mu_0(w),    mu_0(w) = (e^w - 1) / w,    w mu_k = e^w - k mu_{k-1}.
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Wave {
    weight: f64,
    g: f64,
    weight_over_g: f64,
    e: Lanes,
    step: (f64, f64),
}

impl Wave {
    /// At the first nodes. `weight` multiplies the transforms.
    pub(super) fn new(weight: f64, g: f64, nodes: &Nodes) -> Self {
        let (sin, cos) = libm::sincos(nodes.h * g);
        let grown = libm::exp(nodes.c * g);
        let mut e = Lanes::real(0.0);
        let mut power = (1.0, 0.0);
        for l in 0..LANES {
            (e.re[l], e.im[l]) = (grown * power.0, grown * power.1);
            power = (power.0 * cos - power.1 * sin, power.0 * sin + power.1 * cos);
        }
        Self {
            weight,
            g,
            weight_over_g: weight / g,
            e,
            step: power,
        }
    }

    /// To the next nodes.
    #[inline(always)]
    pub(super) fn advance(&mut self) {
        let (cos, sin) = self.step;
        for l in 0..LANES {
            let (re, im) = (self.e.re[l], self.e.im[l]);
            self.e.re[l] = re * cos - im * sin;
            self.e.im[l] = re * sin + im * cos;
        }
    }

    /// `$e^{g s}$`.
    pub(super) fn exponential(&self) -> Lanes {
        self.e
    }

    /// The weight times `$\mu_0$`.
    #[inline(always)]
    pub(super) fn mu0(&self, nodes: &Nodes) -> Lanes {
        if nodes.least * self.g.abs() < 1e-4 {
            return self.mu0_of_little(nodes);
        }
        let e = self.e.plus_real(-1.0).scaled(self.weight_over_g);
        e.times(nodes.inverse)
    }

    /// Where `$e^w - 1$` would lose what w is smaller than 1 by; right to `$w^4 / 120$`.
    #[inline(never)]
    fn mu0_of_little(&self, nodes: &Nodes) -> Lanes {
        let w = nodes.s.scaled(self.g);
        let mut sum = Lanes::real(1.0 / 24.0);
        for coefficient in [1.0 / 6.0, 0.5, 1.0] {
            sum = sum.times(w).plus_real(coefficient);
        }
        sum.scaled(self.weight)
    }

    /// The weight times `$\mu_1$`.
    #[inline(always)]
    pub(super) fn mu1(&self, nodes: &Nodes) -> Lanes {
        self.mu(1, nodes)
    }

    /// The weight times `$\mu_2$`.
    pub(super) fn mu2(&self, nodes: &Nodes) -> Lanes {
        self.mu(2, nodes)
    }

    #[inline(always)]
    fn mu(&self, order: u32, nodes: &Nodes) -> Lanes {
        let mut mu = self.e.plus_real(-1.0);
        let inverse = nodes.inverse.scaled(1.0 / self.g);
        mu = mu.times(inverse);
        for k in 1..=order {
            mu = self.e.minus(mu.scaled(f64::from(k))).times(inverse);
        }
        mu = mu.scaled(self.weight);
        // Where the differences lose digits.
        if nodes.least * self.g.abs() < 0.5 {
            return self.series_where_small(order, mu, nodes);
        }
        mu
    }

    /// The sum of `$w^k / (k! (k + \mathrm{order} + 1))$`, right to 1e-16, at the nodes where |w| < 1/2.
    #[inline(never)]
    fn series_where_small(&self, order: u32, direct: Lanes, nodes: &Nodes) -> Lanes {
        let w = nodes.s.scaled(self.g);
        let mut series = Lanes::real(0.0);
        let mut factorial = 87_178_291_200.0; // 14!
        for k in (0..=14_u32).rev() {
            series = series
                .times(w)
                .plus_real(1.0 / (factorial * f64::from(k + order + 1)));
            factorial /= f64::from(k.max(1));
        }
        let series = series.scaled(self.weight);
        Lanes::from_fn(|l| {
            let from = if w.abs(l) < 0.5 { &series } else { &direct };
            (from.re[l], from.im[l])
        })
    }
}
