//! Answers that are no success: a status and a sentence for a person.

use super::advice::sentence;
use crate::error::{Error, ErrorKind};
use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What a request is answered with when it cannot be done.
pub struct Refusal {
    status: StatusCode,
    body: Value,
}

pub type Answer<T> = std::result::Result<T, Refusal>;

impl Refusal {
    /// Whether something broke here, rather than was asked for wrongly.
    pub fn is_failure(&self) -> bool {
        self.status.is_server_error()
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    pub fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal { status, body: json!({"error": message.into()}) }
    }

    /// One with more than a sentence: a member `name` beside it.
    pub fn with(mut self, name: &str, value: Value) -> Refusal {
        self.body[name] = value;
        self
    }
}

pub fn not_found(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, message)
}

pub fn unusable(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let status = match error.kind {
            ErrorKind::Usage | ErrorKind::Data | ErrorKind::Model | ErrorKind::NoDevice => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, sentence(&error))
    }
}

/// A body of JSON; what is wrong with it is said like everything else.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Answer<Body<T>> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Body(body)),
            Err(why) => Err(Refusal::new(why.status(), why.body_text())),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

/// The number in `<number>.png`.
pub fn of_png(name: &str) -> Answer<u64> {
    let number = name.strip_suffix(".png").and_then(|number| number.parse().ok());
    number.ok_or_else(|| not_found("there is no such picture"))
}

/// A picture, bytes `[height, width]`, or `[height, width, 3]` in colour, as a PNG.
pub fn png(pixels: &[u8], width: usize, height: usize) -> Answer<Response> {
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    use image::{ExtendedColorType, ImageEncoder};
    let mut bytes = Vec::new();
    let color = if pixels.len() == width * height { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    // It goes no further than this machine: small is worth less than soon.
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
        .write_image(pixels, width as u32, height as u32, color)
        .map_err(|why| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no picture: {why}")))?;
    Ok(([(header::CONTENT_TYPE, "image/png")], bytes).into_response())
}
