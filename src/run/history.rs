//! The text of `history.csv`.

use crate::train::EpochRecord;

/// Keras's CSVLogger's columns, then ours; `NA` for what is missing.
pub fn csv(history: &[EpochRecord]) -> String {
    let mut text = String::from("epoch,accuracy,loss,val_accuracy,val_loss,images_per_second,seconds\n");
    for record in history {
        let validation = match &record.validation {
            Some(validation) => format!("{},{}", validation.accuracy, validation.loss),
            None => "NA,NA".to_string(),
        };
        text += &format!(
            "{},{},{},{validation},{:.1},{:.3}\n",
            record.epoch, record.accuracy, record.loss, record.images_per_second, record.seconds
        );
    }
    text
}
