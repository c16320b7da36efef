//! Which epoch is the best.

use super::evaluate::Evaluation;
use serde::{Deserialize, Serialize};

/// By which value of the validation the best epoch is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// The lower, the better.
    #[default]
    ValLoss,
    /// The higher, the better.
    ValAccuracy,
}

impl Monitor {
    /// Every one, by its name.
    pub const ALL: [(&'static str, Monitor); 2] =
        [("val_loss", Monitor::ValLoss), ("val_accuracy", Monitor::ValAccuracy)];

    pub fn name(self) -> &'static str {
        Monitor::ALL.into_iter().find(|(_, monitor)| *monitor == self).expect("all are listed").0
    }

    pub(super) fn of(self, validation: &Evaluation) -> f64 {
        match self {
            Monitor::ValLoss => validation.loss,
            Monitor::ValAccuracy => validation.accuracy,
        }
    }

    /// Whether a value is better than another by more than `min_delta`.
    pub fn is_better(self, value: f64, than: f64, min_delta: f64) -> bool {
        match self {
            Monitor::ValLoss => value < than - min_delta,
            Monitor::ValAccuracy => value > than + min_delta,
        }
    }
}
