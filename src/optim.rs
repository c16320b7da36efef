//! Adam: the moments of every parameter, and the step, with weight decay and clipping; and the scale of the loss in mixed precision.

use crate::device::Device;
use crate::error::Result;
use crate::ops::adam::{adam, scaled_adam};
use crate::ops::clip_norm::clip_norm;
use crate::ops::loss_scale::{detect, update};
use crate::reference::adam::Params;
use crate::tensor::{Kind, Tensor};

/// Adam as Keras 3 writes it (Kingma and Ba, "Adam", 2015, with "epsilon hat"); with weight decay AdamW (Loshchilov and Hutter,
/// "Decoupled Weight Decay Regularization", 2019), as Keras writes that.
pub struct Adam {
    /// About the distance that a weight moves in a step.
    pub learning_rate: f64,
    /// How much of the first moment a step keeps.
    pub beta1: f64,
    /// How much of the second moment a step keeps.
    pub beta2: f64,
    /// Added to the square root of the second moment.
    pub epsilon: f64,
    /// A step takes this share of a weight, times the learning rate, from it. Biases and what norms learn have one dimension, and
    /// stay.
    pub weight_decay: f64,
    /// The norm that all gradients together have at most; `None` for any.
    pub clip_norm: Option<f64>,
    /// Steps done so far.
    step: u32,
    /// f32 `[1]`: the scale of gradients that were not scaled.
    one: Tensor,
    /// First and second moments, in the order of the parameters.
    moments: Vec<(Tensor, Tensor)>,
}

impl Adam {
    /// The first beta where no schedule moves it.
    pub const BETA1: f64 = 0.9;

    /// With Keras's defaults for all but the learning rate: 0.9, 0.999, 1e-7, no decay, no clipping.
    ///
    /// # Errors
    /// `OutOfMemory` where the device cannot hold two more copies of the parameters.
    ///
    /// # Panics
    /// Without a parameter.
    pub fn new(parameters: &[&Tensor], learning_rate: f64) -> Result<Adam> {
        let zeros = |tensor: &Tensor| Tensor::zeros(tensor.device(), tensor.shape(), Kind::F32);
        let moments = parameters.iter().map(|tensor| Ok((zeros(tensor)?, zeros(tensor)?)));
        let moments = moments.collect::<Result<_>>()?;
        let one = Tensor::from_f32(parameters[0].device(), &[1], &[1.0])?;
        let (beta1, beta2, epsilon) = (Adam::BETA1, 0.999, 1e-7);
        let (weight_decay, clip_norm) = (0.0, None);
        Ok(Adam { learning_rate, beta1, beta2, epsilon, weight_decay, clip_norm, step: 0, one, moments })
    }

    /// Steps done so far.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// First and second moments of each parameter, in their order: what a checkpoint keeps beside the count of steps.
    pub fn moments(&self) -> &[(Tensor, Tensor)] {
        &self.moments
    }

    /// Goes on as if so many steps were done; the moments are restored in place.
    pub fn go_on_from(&mut self, step: u32) {
        self.step = step;
    }

    /// Updates every parameter from its gradient. The result (u32 `[1]`) is raised where a gradient was
    /// infinite or NaN; it can be read later.
    ///
    /// # Errors
    /// What the device reports.
    ///
    /// # Panics
    /// Where these are not as many parameters as [`new`](Adam::new) was given, or not one gradient for each.
    pub fn apply(&mut self, parameters: &[&Tensor], gradients: &[Tensor]) -> Result<Tensor> {
        let params = self.next(parameters, gradients);
        let non_finite = Tensor::zeros(parameters[0].device(), &[1], Kind::U32)?;
        let factor = self.clipping(gradients, &self.one, &non_finite)?;
        for ((parameter, gradient), (m, v)) in parameters.iter().zip(gradients).zip(&self.moments) {
            let params = self.decaying(params, parameter);
            match &factor {
                Some(factor) => scaled_adam(params, gradient, factor, &non_finite, parameter, m, v)?,
                None => adam(params, gradient, parameter, m, v, &non_finite)?,
            }
        }
        Ok(non_finite)
    }

    /// As [`apply`](Adam::apply) for gradients of the scaled loss. The result is raised where one of them was infinite or
    /// NaN: then the step is skipped, which only the device knows, and the next loss is scaled by less.
    ///
    /// A skipped step counts in t all the same: the host, which works the step size out of it, does not wait for an answer.
    /// PyTorch and Keras do not count it. With beta1 = 0.9 and beta2 = 0.999 the first update after one skipped step is 0.74
    /// times as long as theirs, after five or more about half; with sixteen, later ones reach 1.2 times.
    ///
    /// # Errors
    /// What the device reports.
    ///
    /// # Panics
    /// As [`apply`](Adam::apply).
    pub fn apply_scaled(
        &mut self,
        parameters: &[&Tensor],
        gradients: &[Tensor],
        scale: &LossScale,
    ) -> Result<Tensor> {
        let params = self.next(parameters, gradients);
        let overflow = Tensor::zeros(parameters[0].device(), &[1], Kind::U32)?;
        let factor = self.clipping(gradients, &scale.inverse, &overflow)?;
        if factor.is_none() {
            for gradient in gradients {
                detect(gradient, &overflow)?;
            }
        }
        let factor = factor.as_ref().unwrap_or(&scale.inverse);
        for ((parameter, gradient), (m, v)) in parameters.iter().zip(gradients).zip(&self.moments) {
            scaled_adam(self.decaying(params, parameter), gradient, factor, &overflow, parameter, m, v)?;
        }
        update(scale.growth_interval, &overflow, &scale.scale, &scale.inverse, &scale.good_steps)?;
        Ok(overflow)
    }

    /// What gradients count times `scale`, where they are clipped; raises `non_finite` where one of them is infinite or NaN.
    fn clipping(&self, gradients: &[Tensor], scale: &Tensor, non_finite: &Tensor) -> Result<Option<Tensor>> {
        let clip = |max_norm: f64| clip_norm(gradients, scale, max_norm as f32, non_finite);
        self.clip_norm.map(clip).transpose()
    }

    /// The constants of a step for one parameter.
    fn decaying(&self, params: Params, parameter: &Tensor) -> Params {
        let is_weight = parameter.shape().len() > 1;
        let decay = if is_weight { self.learning_rate * self.weight_decay } else { 0.0 };
        Params { kept: (1.0 - decay) as f32, ..params }
    }

    /// Begins a step: its constants.
    fn next(&mut self, parameters: &[&Tensor], gradients: &[Tensor]) -> Params {
        assert_eq!(parameters.len(), self.moments.len(), "one pair of moments per parameter");
        assert_eq!(parameters.len(), gradients.len(), "one gradient per parameter");
        self.step += 1;
        let betas = [self.beta1, self.beta2];
        Params::of_step(self.step, self.learning_rate, betas, self.epsilon)
    }
}

/// What the loss is multiplied by, so that small gradients are not lost in halves; it lives on the device, which alone
/// knows in time whether a gradient overflowed.
pub struct LossScale {
    /// f32 `[1]`, a power of two.
    scale: Tensor,
    /// 1 / scale.
    inverse: Tensor,
    /// Steps since the last overflow or growth, u32 `[1]`.
    good_steps: Tensor,
    growth_interval: u32,
}

impl LossScale {
    /// As PyTorch's GradScaler begins (torch.amp.GradScaler): 2^16, doubled after 2000 steps in a row without overflow.
    ///
    /// # Errors
    /// What the device reports.
    pub fn new(device: &Device) -> Result<LossScale> {
        LossScale::starting_at(device, 16, 2000)
    }

    /// 2^`exponent` at first, doubled after `growth_interval` steps in a row without overflow.
    ///
    /// # Errors
    /// What the device reports.
    ///
    /// # Panics
    /// For an exponent beyond ±125, and an interval of 0.
    pub fn starting_at(device: &Device, exponent: i32, growth_interval: u32) -> Result<LossScale> {
        assert!((-125..=125).contains(&exponent) && growth_interval > 0, "2^{exponent}, {growth_interval}");
        let power = |exponent: i32| Tensor::from_f32(device, &[1], &[2f32.powi(exponent)]);
        let good_steps = Tensor::zeros(device, &[1], Kind::U32)?;
        Ok(LossScale { scale: power(exponent)?, inverse: power(-exponent)?, good_steps, growth_interval })
    }

    /// What a checkpoint keeps.
    pub fn slots(&self) -> [(&'static str, &Tensor); 3] {
        [("scale", &self.scale), ("inverse", &self.inverse), ("good_steps", &self.good_steps)]
    }

    /// The scale of the next step, f32 `[1]`: the gradient of the scaled loss with respect to the loss.
    pub fn scale(&self) -> &Tensor {
        &self.scale
    }
}
