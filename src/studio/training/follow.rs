//! Which picture's maps follow the training.

use super::Training;
use super::watcher::Followed;
use crate::studio::answer::{Answer, Body, unusable};
use crate::studio::pictures::Pictures;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub struct Follow {
    picture: Option<u64>,
    #[serde(default = "now_and_then")]
    every: u32,
}

fn now_and_then() -> u32 {
    10
}

/// Chooses the picture whose maps follow the training, or none.
pub async fn follow(
    State(training): State<Arc<Training>>,
    State(pictures): State<Arc<Pictures>>,
    Body(follow): Body<Follow>,
) -> Answer<StatusCode> {
    let followed = match follow.picture {
        Some(_) if follow.every == 0 => return Err(unusable("follow every 1 or more steps")),
        Some(picture) => {
            Some(Followed { picture, source: pictures.get(picture)?, every: follow.every, next: 0 })
        }
        None => None,
    };
    *training.followed.lock().unwrap() = followed;
    Ok(StatusCode::ACCEPTED)
}
