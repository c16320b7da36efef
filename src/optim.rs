//! Adam: the moments of every parameter, and the step.

use crate::error::Result;
use crate::ops::adam::adam;
use crate::reference;
use crate::tensor::{Kind, Tensor};

/// Adam as Keras 3 writes it (Kingma and Ba, "Adam", 2015, with "epsilon hat").
pub struct Adam {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Steps done so far.
    step: u32,
    /// First and second moments, in the order of the parameters.
    moments: Vec<(Tensor, Tensor)>,
}

impl Adam {
    /// With Keras's defaults for all but the learning rate: 0.9, 0.999, 1e-7.
    ///
    /// # Errors
    /// `OutOfMemory` where the device cannot hold two more copies of the parameters.
    pub fn new(parameters: &[&Tensor], learning_rate: f64) -> Result<Adam> {
        let zeros = |tensor: &Tensor| Tensor::zeros(tensor.device(), tensor.shape(), Kind::F32);
        let moments = parameters.iter().map(|tensor| Ok((zeros(tensor)?, zeros(tensor)?)));
        let moments = moments.collect::<Result<_>>()?;
        Ok(Adam { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, step: 0, moments })
    }

    /// Steps done so far.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// Updates every parameter from its gradient. The result (u32 `[1]`) is raised where a gradient was
    /// infinite or NaN; it can be read later.
    pub fn apply(&mut self, parameters: &[&Tensor], gradients: &[Tensor]) -> Result<Tensor> {
        assert_eq!(parameters.len(), self.moments.len(), "one pair of moments per parameter");
        assert_eq!(parameters.len(), gradients.len(), "one gradient per parameter");
        self.step += 1;
        let params = self.constants(self.step);
        let non_finite = Tensor::zeros(parameters[0].device(), &[1], Kind::U32)?;
        for ((parameter, gradient), (m, v)) in parameters.iter().zip(gradients).zip(&self.moments) {
            adam(params, gradient, parameter, m, v, &non_finite)?;
        }
        Ok(non_finite)
    }

    /// The constants of step `t`, in f64 until the last moment.
    pub fn constants(&self, t: u32) -> reference::adam::Params {
        let t = i32::try_from(t).expect("fewer than 2^31 steps");
        let step_size = self.learning_rate * (1.0 - self.beta2.powi(t)).sqrt() / (1.0 - self.beta1.powi(t));
        reference::adam::Params {
            len: 0,
            step_size: step_size as f32,
            one_minus_beta1: (1.0 - self.beta1) as f32,
            one_minus_beta2: (1.0 - self.beta2) as f32,
            epsilon: self.epsilon as f32,
        }
    }
}
