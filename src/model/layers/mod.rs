//! The kinds of layers, one file each.
//!
//! A layer answers everything about itself ([`Layer`]); the line below makes it known to files. The `type` in files is the
//! name of the layer's own file.

mod conv2d_relu_pool;
mod layer;
mod unit;

pub use conv2d_relu_pool::Conv2dReluPool;
pub use layer::{AnyLayer, Context, Fields, Layer, Mode, TypeName};
pub use unit::{Behind, Term, Top, Unit};

use crate::error::{Result, error, shown};
use serde_json::Value;
use std::sync::Arc;

type FieldError = serde_path_to_error::Error<serde_json::Error>;

/// Declares the file, the type and the entry in the registry of each layer.
macro_rules! layers {
    ($($file:ident::$Layer:ident,)+) => {
        $(
            mod $file;
            pub use $file::$Layer;

            impl TypeName for $Layer {
                fn type_name(&self) -> &'static str {
                    stringify!($file)
                }
            }
        )+

        /// How the fields of each type are read; an error begins with the field.
        const REGISTRY: &[(&str, fn(Value) -> std::result::Result<AnyLayer, FieldError>)] = &[
            $((stringify!($file), |fields| Ok(Arc::new(serde_path_to_error::deserialize::<_, $Layer>(fields)?)))),+
        ];
    };
}

layers! {
    add::Add,
    batch_norm::BatchNorm,
    conv2d::Conv2d,
    dense::Dense,
    dropout::Dropout,
    flatten::Flatten,
    global_avg_pool::GlobalAvgPool,
    leaky_relu::LeakyRelu,
    max_pool2d::MaxPool2d,
    relu::Relu,
}

/// The types that files can name.
pub fn types() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|(known, _)| *known)
}

/// The layer of this type with these fields.
///
/// # Errors
/// `Usage` for a type that is not known, with those that are; for a field that is missing, unknown or of the wrong kind.
pub fn read(type_name: &str, fields: Value) -> Result<AnyLayer> {
    let Some((_, read)) = REGISTRY.iter().find(|(known, _)| *known == type_name) else {
        let known: Vec<_> = types().collect();
        return Err(error!(
            Usage,
            "there is no layer type \"{}\"; there are {}",
            shown(type_name),
            known.join(", ")
        ));
    };
    read(fields).map_err(|why| error!(Usage, "a layer of type {type_name} cannot be read: {why}"))
}
