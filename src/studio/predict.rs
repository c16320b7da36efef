//! What a run's model says of pictures, and where it is wrong.

use super::answer::{Answer, Body, unusable};
use super::folders::inside;
use super::pictures::{Picture, Pictures};
use super::runs::{self, epoch_of_model};
use super::worker::{self, Worker};
use crate::data::{self, Folder};
use crate::error::path_text;
use crate::run::pictures::must_fit;
use crate::train::evaluate::{Views, predicted, scores};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most pictures of one request.
const MOST: usize = 1024;
/// Wrong pictures that are shown.
const WORST: usize = 12;

#[derive(Deserialize)]
pub struct Asked {
    pictures: Vec<u64>,
    run: Option<String>,
}

/// The class of each picture, or why there is none.
pub async fn predict(
    State(worker): State<Arc<Worker>>,
    State(pictures): State<Arc<Pictures>>,
    Body(asked): Body<Asked>,
) -> Answer<Json<Value>> {
    if asked.pictures.is_empty() || asked.pictures.len() > MOST {
        return Err(unusable(format!("name 1 to {MOST} pictures")));
    }
    let name = asked.run;
    let run = worker::blocking(move || runs::with_model(name.as_deref())).await??;
    let file = run.model_file();
    let answer = worker.run(move |models| {
        let loaded = models.get(&file, "auto")?;
        let network = &loaded.model.network;
        let decode = |&id: &u64| {
            // Large ones take a while, each of them.
            models.life.sign();
            pictures.get(id).and_then(|source| source.decode(network.raster()))
        };
        let batch = loaded.batch()?;
        let mut results = Vec::new();
        for chunk in asked.pictures.chunks(batch) {
            let decoded: Vec<_> = chunk.iter().map(decode).collect();
            let pixels: Vec<u8> = decoded.iter().flatten().flatten().copied().collect();
            let count = decoded.iter().flatten().count();
            models.life.sign();
            let mut scores = match count {
                0 => Vec::new(),
                _ => pollster::block_on(scores(&loaded.model, &pixels, count, Views::Own))?,
            }
            .into_iter();
            for (picture, decoded) in chunk.iter().zip(decoded) {
                results.push(match decoded {
                    Err(why) => json!({"picture": picture, "error": why.message()}),
                    Ok(_) => {
                        let scores = scores.next().expect("scores of every picture that was decoded");
                        let class = predicted(&scores);
                        json!({
                            "picture": picture, "class": network.classes[class], "probability": scores[class],
                            "scores": scores,
                        })
                    }
                });
            }
        }
        let (raster, classes) = (network.raster(), &network.classes);
        // Of a run that goes on, the model is that of its last epoch.
        Ok(json!({
            "run": run.name, "of": epoch_of_model(&run), "image_size": raster.size, "color": raster.color, "classes": classes, "note": loaded.note, "results": results,
        }))
    });
    Ok(Json(answer.await?))
}

/// The confusion matrix of a run's model on its test pictures, and those that it is surest and wrong about.
pub async fn mistakes(
    State(worker): State<Arc<Worker>>,
    State(remembered): State<Arc<Pictures>>,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    let found = worker::blocking(move || -> Answer<_> {
        let run = runs::with_model(Some(&name))?;
        let folder = Folder::scan(run.config()["test_dir"].as_str().unwrap_or_default().as_ref())?;
        Ok((run.model_file(), folder, run.config().clone()))
    });
    let (file, folder, config) = found.await??;
    let split = config["validation_split"].as_f64();
    let answer = worker.run(move |models| {
        let loaded = models.get(&file, "auto")?;
        let network = &loaded.model.network;
        let life = models.life.clone();
        let sign = |_, _| {
            life.sign();
            true
        };
        must_fit(&[&folder], network.raster(), split)?;
        let mut pictures = data::load(&folder, network.raster(), &sign)?;
        if let Some(share) = split {
            pictures = pictures.split(share)?;
        }
        if pictures.classes != network.classes {
            return Err(unusable("the test folder has other classes now"));
        }
        // Which ones are kept depends on how many there are.
        let may_have_seen = split.is_some() && json!(pictures.counts()) != config["test_pictures_per_class"];
        let mut all = Vec::new();
        for pixels in pictures.pixels.chunks(loaded.batch()? * pictures.picture_bytes()) {
            life.sign();
            let count = pixels.len() / pictures.picture_bytes();
            all.extend(pollster::block_on(scores(&loaded.model, pixels, count, Views::Own))?);
        }
        let mut confusion = vec![vec![0; network.classes.len()]; network.classes.len()];
        let mut wrong = Vec::new();
        for (index, scores) in all.into_iter().enumerate() {
            let (label, class) = (pictures.labels[index] as usize, predicted(&scores));
            confusion[label][class] += 1;
            if class != label {
                wrong.push((scores[class], index, label, class));
            }
        }
        wrong.sort_by(|a, b| b.0.total_cmp(&a.0));
        let shown = wrong.iter().filter_map(|&(probability, index, label, class)| {
            // A link that leads elsewhere is counted, but not shown.
            let path = inside(&folder.root.join(&pictures.paths[index]), &folder.root)?;
            Some(json!({
                "picture": remembered.add(Picture::File(Arc::new(path))),
                "name": path_text(&pictures.paths[index]), "label": network.classes[label],
                "predicted": network.classes[class], "probability": probability,
            }))
        });
        let worst: Vec<_> = shown.take(WORST).collect();
        Ok(json!({"classes": network.classes, "confusion": confusion, "worst": worst, "may_have_seen": may_have_seen}))
    });
    Ok(Json(answer.await?))
}
