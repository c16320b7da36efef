//! The program as a user runs it: commands, files, messages and exit codes.

#[path = "cli/classes.rs"]
mod classes;
mod common;
#[path = "cli/networks.rs"]
mod networks;
#[path = "cli/recipe.rs"]
mod recipe;
#[path = "cli/resume.rs"]
mod resume;

use common::program::{Place, Said, files};
use common::weights_file;
use image::GrayImage;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long something is waited for that must come. A step of the test that needs it takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_run_leaves_everything_in_its_folder() {
    let place = Place::new();
    let said = place.train("--out run");
    said.succeeds();
    assert_eq!(
        files(&place.path("run")),
        [
            "best.safetensors",
            "checkpoint-00000003.safetensors",
            "checkpoint-00000006.safetensors",
            "config.toml",
            "curves.svg",
            "history.csv",
            "model.safetensors",
            "outcome.toml",
            "steps.jsonl"
        ]
    );

    let steps: Vec<serde_json::Value> =
        place.lines("run/steps.jsonl").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let column = |name: &str| steps.iter().map(|step| step[name].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(column("step"), [1, 2, 3, 4, 5, 6]);
    assert_eq!(column("epoch"), [0, 0, 0, 1, 1, 1]);
    assert_eq!(column("images"), [4, 4, 2, 4, 4, 2], "the last batch of an epoch is smaller");
    for step in &steps {
        assert!(step["loss"].as_f64().unwrap() > 0.0 && step["seconds"].as_f64().unwrap() > 0.0, "{step}");
        assert!((0.0..=1.0).contains(&step["accuracy"].as_f64().unwrap()), "{step}");
        assert!(step.get("loss_scale").is_none() && step.get("skipped").is_none(), "not in f32: {step}");
    }
    let history = place.lines("run/history.csv");
    assert_eq!(history[0], "epoch,accuracy,loss,val_accuracy,val_loss,images_per_second,seconds");
    assert_eq!(history.len(), 3);
    let seconds: f64 = steps[..3].iter().map(|step| step["seconds"].as_f64().unwrap()).sum();
    let of_epoch: f64 = history[1].split(',').next_back().unwrap().parse().unwrap();
    assert!(
        (seconds - of_epoch).abs() < 0.002,
        "the steps' seconds sum to the epoch's: {seconds} {of_epoch}"
    );

    let config = fs::read_to_string(place.path("run/config.toml")).unwrap();
    for line in [
        "seed = 1",
        "precision = \"f32\"",
        "image_size = 8",
        "batch_size = 4",
        "device = \"CPU (as asked for)\"",
        "classes = [\"cats\", \"dogs\"]",
    ] {
        assert!(config.contains(line), "no {line} in {config}");
    }
    let curves = fs::read_to_string(place.path("run/curves.svg")).unwrap();
    assert!(curves.starts_with("<svg") && curves.contains("validation") && curves.contains("accuracy"));
    assert!(
        said.stdout.contains("Saved to run")
            && said.stdout.contains("pawgrad predict --model run/best.safetensors")
    );
    assert!(said.stderr.contains("Epoch 2/2") && said.stderr.contains("val_accuracy"), "{}", said.stderr);
}

#[test]
fn lines_without_a_terminal_hold_no_escapes_and_quiet_is_quiet() {
    let place = Place::new();
    let said = place.train("--out run");
    assert!(!said.stderr.contains('\u{1b}') && !said.stderr.contains('\r'), "{}", said.stderr);
    let quiet = place.train("--out quiet --quiet");
    assert_eq!(quiet.succeeds().stderr, "");
    assert!(quiet.stdout.contains("Saved to quiet"));
    let verbose = place.train("--out verbose --verbose --micro-batch 3");
    assert!(
        verbose.stderr.contains("2 micro-batch(es) of up to 3") && verbose.stderr.contains("conv3 (Conv2D)")
    );
}

#[test]
fn predict_and_evaluate_use_the_newest_run() {
    let place = Place::new();
    place.train("").succeeds();
    let said = place.run("predict --device cpu test/cats/0.png test/dogs");
    assert_eq!(said.succeeds().stdout.lines().count(), 6, "{}", said.stdout);
    assert!(said.stdout.starts_with("test/cats/0.png: "), "{}", said.stdout);

    let said = place.run("predict --device cpu --json test/cats/0.png test/dogs");
    for line in said.succeeds().stdout.lines() {
        let prediction: serde_json::Value = serde_json::from_str(line).unwrap();
        let scores = &prediction["scores"];
        let class = prediction["class"].as_str().unwrap();
        assert_eq!(scores[class], prediction["probability"], "{line}");
        let sum = scores["cats"].as_f64().unwrap() + scores["dogs"].as_f64().unwrap();
        assert!((sum - 1.0).abs() < 1e-6 && prediction["path"].is_string(), "{line}");
    }

    let said = place.run("evaluate --device cpu --test-dir test --json");
    let evaluation: serde_json::Value = serde_json::from_str(&said.succeeds().stdout).unwrap();
    let confusion: u64 = evaluation["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!((confusion, evaluation["images"].as_u64().unwrap()), (10, 10));
    // What training said of the last epoch is what the saved model does.
    let run = files(&place.path("runs")).pop().unwrap();
    let last = place.lines(&format!("runs/{run}/history.csv")).pop().unwrap();
    let fields: Vec<f64> = last.split(',').map(|field| field.parse().unwrap()).collect();
    assert_eq!(fields[3], evaluation["accuracy"].as_f64().unwrap());
    assert!((fields[4] - evaluation["loss"].as_f64().unwrap()).abs() < 1e-6);
    assert!(place.run("evaluate --device cpu --test-dir test").stdout.contains("taken for"));
}

#[test]
fn max_steps_stops_there_skips_validation_and_saves() {
    let place = Place::new();
    place.train("--out run --max-steps 4").succeeds();
    assert_eq!(place.lines("run/steps.jsonl").len(), 4);
    let history = place.lines("run/history.csv");
    assert!(history[2].contains("NA,NA") && !history[1].contains("NA"), "{history:?}");
    assert!(place.path("run/model.safetensors").exists());
}

#[test]
fn equal_seeds_give_equal_files_in_any_number_of_threads() {
    let place = Place::new();
    for device in ["cpu", "software"] {
        let model = |out: &str, threads: &str, seed: &str| {
            let line = format!(
                "train --train-dir train --test-dir test --image-size 8 --max-steps 2 --batch-size 6 \
                 --seed {seed} --device {device} --out {out} -q"
            );
            Said::of(place.command(&line).env("RAYON_NUM_THREADS", threads).output().unwrap()).succeeds();
            fs::read(place.path(out).join("model.safetensors")).unwrap()
        };
        let first = model(&format!("{device}0"), "1", "1");
        for i in 1..10 {
            let again = model(&format!("{device}{i}"), if i % 2 == 0 { "1" } else { "2" }, "1");
            assert!(first == again, "process {i} on {device}");
        }
        assert!(first != model(&format!("{device}-other"), "2", "2"), "another seed on {device}");
    }
}

#[test]
fn wrong_values_are_named() {
    let place = Place::new();
    for (options, words) in [
        ("--image-size 7", &["--image-size 7", "8"][..]),
        ("--batch-size 0", &["--batch-size 0"]),
        ("--epochs 0", &["--epochs 0"]),
        ("--micro-batch 0", &["--micro-batch 0"]),
        ("--max-steps 0", &["--max-steps 0"]),
        ("--learning-rate 0", &["--learning-rate 0"]),
        ("--learning-rate -1", &["--learning-rate -1 must be a number above 0"]),
        ("--dropout -0.5", &["--dropout -0.5"]),
        ("--epochs -3", &["'-3'", "--epochs", "must not be below 0"]),
        ("--seed 100000000000000000000000", &["--seed", "18446744073709551615 is the most"]),
        ("--batch-size 1.5", &["--batch-size", "a whole number"]),
        ("--learning-rate nan", &["--learning-rate NaN"]),
        ("--learning-rate 1e39", &["--learning-rate"]),
        ("--image-size 4294967296", &["--image-size 4294967296", "16384"]),
        ("--dropout 1", &["--dropout 1"]),
        ("--rung conv2d", &["OP=RUNG", "conv2d: fast, reference"]),
        ("--rung conv2d=2_tiled", &["2_tiled", "lanes", "conv2d: fast"]),
        ("--tuning rungs.toml", &["--tuning rungs.toml", "CPU"]),
        ("--rung conv3d=1_plain", &["conv3d"]),
    ] {
        place.run(&format!("train --device cpu {options}")).fails(2, words);
    }
    assert_eq!(place.run("train --learning-rate ten").code, 2);
    assert_eq!(place.run("trian").code, 2);
    assert!(files(place.dir.path()).iter().all(|name| name != "runs"), "nothing was made");
}

#[test]
fn folders_that_cannot_be_used_are_named() {
    let place = Place::new();
    let train = |dir: &str| {
        place.run(&format!("train --device cpu --train-dir {dir} --test-dir test --out out-{dir}"))
    };
    train("nowhere").fails(3, &["nowhere", "cats/"]);
    fs::create_dir_all(place.path("empty")).unwrap();
    train("empty").fails(3, &["empty"]);
    fs::create_dir_all(place.path("one/cats")).unwrap();
    fs::copy(place.path("test/cats/0.png"), place.path("one/cats/0.png")).unwrap();
    train("one").fails(3, &["one class"]);
    fs::create_dir_all(place.path("one/dogs")).unwrap();
    train("one").fails(3, &["dogs"]);
    for class in ["dogs", "owls"] {
        fs::create_dir_all(place.path("one").join(class)).unwrap();
        fs::copy(place.path("test/dogs/0.png"), place.path("one").join(class).join("0.png")).unwrap();
    }
    train("one").fails(3, &["cats, dogs, owls", "the test pictures cats, dogs"]);
    fs::rename(place.path("one/cats"), place.path("one/.cats")).unwrap();
    train("one").fails(3, &["dogs, owls", "cats, dogs"]);
    train(".").fails(3, &["./train", "./test"]);
    fs::create_dir_all(place.path("both")).unwrap();
    fs::rename(place.path("train"), place.path("both/training_set")).unwrap();
    fs::rename(place.path("test"), place.path("both/test_set")).unwrap();
    train("both").fails(3, &["training set and a test set", "both/training_set"]);
}

#[test]
fn bad_pictures_are_skipped_and_listed() {
    let place = Place::new();
    fs::write(place.path("train/cats/empty.jpg"), []).unwrap();
    fs::write(place.path("train/cats/text.png"), "this is no picture").unwrap();
    let whole = fs::read(place.path("train/dogs/0.png")).unwrap();
    fs::write(place.path("train/dogs/half.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(place.path("train/dogs/misnamed.jpg"), &whole).unwrap();
    let said = place.train("--out run --max-steps 1");
    said.succeeds();
    assert!(said.stderr.contains("Found 11 pictures"), "{}", said.stderr);
    assert!(said.stderr.contains("Passed over 3 of 14 files"), "{}", said.stderr);
    for line in [
        "1 × empty file\n      cats/empty.jpg",
        "1 × a text file, not a picture\n      cats/text.png",
        "dogs/half.png: truncated",
    ] {
        assert!(said.stderr.contains(line), "no {line} in {}", said.stderr);
    }
    place
        .run("predict --device cpu --model run/model.safetensors train/cats/text.png")
        .fails(3, &["text.png: a text file"]);
    let mixed = place.run(
        "predict --device cpu --model run/model.safetensors train/cats/text.png train/cats/0.png gone.png",
    );
    mixed.fails(3, &["2 of 3", "gone.png"]);
    assert!(mixed.stdout.contains("train/cats/0.png: "), "the good one is answered");
}

#[cfg(unix)]
#[test]
fn unusual_pictures_are_decoded_rightly_or_skipped() {
    let place = Place::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in ["cmyk_24x24.jpg", "rgba_23x17.png", "animated_18x18.webp", "bits_33x20.png"] {
        fs::copy(fixtures.join(name), place.path("train/cats").join(name)).unwrap();
    }
    place.picture("train/cats/single.png", &GrayImage::from_pixel(1, 1, image::Luma([7])));
    let deep = image::ImageBuffer::<image::Luma<u16>, Vec<u16>>::from_pixel(9, 9, image::Luma([40_000]));
    deep.save(place.path("train/cats/deep.png")).unwrap();
    // The header of a picture of 65,535 x 65,535 pixels, which would take 4 GiB.
    let mut huge = b"BM".to_vec();
    huge.extend(
        [54u32, 0, 54, 40, 65_535, 65_535, 1 | 24 << 16, 0, 0, 0, 0, 0, 0]
            .iter()
            .flat_map(|v| v.to_le_bytes()),
    );
    fs::write(place.path("train/dogs/huge.bmp"), huge).unwrap();
    let unreadable = place.path("train/dogs/gone.jpg");
    std::os::unix::fs::symlink(place.path("gone"), unreadable).unwrap();

    let said = place.train("--out run --max-steps 1");
    said.succeeds();
    assert!(
        said.stderr.contains("Found 16 pictures") && said.stderr.contains("Passed over 2 of 18 files"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("dogs/huge.bmp: needs 20480 MiB of memory, and may take 1024"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("dogs/gone.jpg: cannot be read"), "{}", said.stderr);
}

#[cfg(unix)]
#[test]
fn too_little_memory_is_an_error_and_no_crash() {
    let place = Place::new();
    // dense1 of 512x512 pictures takes 512 MiB, and a checkpoint has two moments of each weight.
    let line = "train --train-dir train --test-dir test --image-size 512 --device cpu --out run";
    let limit = "ulimit -v 1500000";
    let script = format!("{limit}; exec '{}' {line}", env!("CARGO_BIN_EXE_pawgrad"));
    let said = place.bash(&script);
    said.fails(5, &["512x512", "a checkpoint on its way into a file 1540 MiB", "are free", "--image-size"]);
    // What it says would fit does, and nothing much larger.
    let fits = said.stderr.split("pictures of ").nth(1).unwrap().split('x').next().unwrap();
    let fits: usize = fits.parse().unwrap();
    assert!((200..512).contains(&fits), "{}", said.stderr);
    let line = line
        .replace("512", &fits.to_string())
        .replace("--out run", "--out fits --max-steps 1 --batch-size 2");
    place.bash(&format!("{limit}; exec '{}' {line}", env!("CARGO_BIN_EXE_pawgrad"))).succeeds();

    // A model has its size: no option of `train` is advised.
    let line =
        "train --train-dir train --test-dir test --image-size 256 --max-steps 1 --device cpu --out run";
    place.run(line).succeeds();
    for line in ["predict test/cats/0.png --device cpu", "evaluate --test-dir test --device cpu", "summary"] {
        let script = format!(
            "ulimit -v 400000; exec '{}' {line} --model run/model.safetensors",
            env!("CARGO_BIN_EXE_pawgrad")
        );
        let said = place.bash(&script);
        if line != "summary" || said.code != 0 {
            said.fails(5, &["run/model.safetensors", "MiB", "are free"]);
            assert!(
                !said.stderr.contains("--image-size") && !said.stderr.contains("--micro-batch"),
                "{}",
                said.stderr
            );
        }
    }
}

#[test]
fn an_output_folder_that_cannot_be_used_is_found_out_before_training() {
    let place = Place::new();
    fs::create_dir_all(place.path("full")).unwrap();
    fs::write(place.path("full/precious.txt"), "keep me").unwrap();
    let said = place.train("--out full");
    said.fails(8, &["full", "not empty", "--out"]);
    assert!(!said.stderr.contains("Epoch"));
    assert_eq!(files(&place.path("full")), ["precious.txt"]);
    fs::write(place.path("file"), "").unwrap();
    place.train("--out file/run").fails(8, &["file/run"]);
}

/// A limit on the size of files stands for a full disk: both refuse a write half-way.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_the_run_and_leaves_what_was_saved() {
    let place = Place::new();
    let line = "train --train-dir train --test-dir test --image-size 8 --epochs 2 --batch-size 4 --device cpu --out run";
    // 1 MiB: the model, 1.6 MB, does not fit. XFSZ is ignored so that the write fails instead of the process.
    let script = format!("trap '' XFSZ; ulimit -f 1024; exec '{}' {line}", env!("CARGO_BIN_EXE_pawgrad"));
    place.bash(&script).fails(8, &["model.safetensors", "no epoch was finished"]);
    assert_eq!(place.lines("run/steps.jsonl").len(), 3, "the steps are there");
    assert!(!files(&place.path("run")).iter().any(|name| name == "model.safetensors"), "no half model");
}

#[test]
fn a_diverging_run_says_the_step_and_keeps_what_was_saved() {
    let place = Place::new();
    place.train("--out run --learning-rate 1e30").fails(9, &["diverged in step", "--learning-rate", "run"]);
    assert!(!place.lines("run/steps.jsonl").is_empty());
}

#[test]
fn a_model_that_became_useless_is_not_saved() {
    let place = Place::new();
    let line = "train --train-dir train --test-dir test --image-size 8 --batch-size 10 --device cpu --seed 1 --out run";
    let said = place.run(&format!("{line} --learning-rate 3e38"));
    said.fails(9, &["step 1", "validation loss", "--learning-rate"]);
    assert!(!place.path("run/model.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let place = Place::new();
    place.train("--out run --max-steps 1").succeeds();
    let predict = format!(
        "'{}' predict --device cpu --model run/model.safetensors train",
        env!("CARGO_BIN_EXE_pawgrad")
    );
    let shell = |script: &str| place.bash(script);
    let said = shell(&format!("{predict} | true; exit ${{PIPESTATUS[0]}}"));
    assert!(said.code == 0 && !said.stderr.contains("error"), "{}", said.stderr);
    assert_eq!(said.stderr.lines().count(), 1, "the model's line alone: {}", said.stderr);
    shell(&format!("{predict} > /dev/full")).fails(8, &["results cannot be written"]);
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let place = Place::new();
    // A step of this size takes minutes with the plain definition: only leaving at once ends it soon.
    let line = "train --train-dir train --test-dir test --image-size 512 --device cpu --out run \
                --rung conv2d_relu_pool=reference --rung dense=reference";
    let mut child = place.command(line).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || said.for_each(|line| drop(tell.send(line))));
    let id = child.id().to_string();
    let mut leave = || {
        for line_before in ["Epoch 1", "Stopping after this step"] {
            while !told.recv_timeout(PATIENCE).ok()?.starts_with(line_before) {}
            assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        }
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            (began.elapsed() < PATIENCE).then_some(())?;
            std::thread::sleep(Duration::from_millis(20));
        }
        child.wait().unwrap().code()
    };
    let code = leave();
    // A test that fails leaves nothing behind that goes on for ever.
    let _ = child.kill();
    assert_eq!(code, Some(130));
    assert!(!place.path("run/model.safetensors").exists());
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let place = Place::new();
    place.train("--out run --max-steps 1").succeeds();
    let bytes = fs::read(place.path("run/model.safetensors")).unwrap();
    let good = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<(String, Vec<usize>, Vec<f32>)> = good
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let values =
                view.data().chunks(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect();
            (name, view.shape().to_vec(), values)
        })
        .collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let train = |file: &[u8]| {
        fs::write(place.path("weights.safetensors"), file).unwrap();
        let _ = fs::remove_dir_all(place.path("again"));
        place.train("--out again --max-steps 1 --init-weights weights.safetensors")
    };
    let said = train(&weights_file(&tensors));
    assert!(said.succeeds().stderr.contains("note: weights.safetensors has no checksum"), "{}", said.stderr);
    assert!(!train(&bytes).succeeds().stderr.contains("checksum"), "a run's own model has one");

    train(&weights_file(&tensors[1..])).fails(7, &["weights.safetensors", "conv1.bias", "missing"]);
    let mut extra = tensors.clone();
    extra.push(("conv9.weight".to_string(), vec![1], vec![0.0]));
    train(&weights_file(&extra)).fails(7, &["conv9.weight"]);
    let mut misshapen = tensors.clone();
    misshapen[3].1.reverse();
    train(&weights_file(&misshapen)).fails(7, &[&misshapen[3].0, "[3, 3, 64, 128]", "[128, 64, 3, 3]"]);
    for value in [f32::NAN, f32::INFINITY] {
        let mut broken = tensors.clone();
        broken[0].2[7] = value;
        train(&weights_file(&broken)).fails(7, &["conv1.bias", "position 7"]);
    }
    train(&bytes[..bytes.len() - 1]).fails(7, &["safetensors"]);
    train(&bytes[..100]).fails(7, &["safetensors"]);
    train(b"").fails(7, &["safetensors"]);
    train(b"this is not a safetensors file at all").fails(7, &["safetensors"]);
    let said = place.train("--out gone --init-weights gone.safetensors");
    said.fails(7, &["gone.safetensors"]);

    // predict needs the description that training writes, and a weights file of others has none.
    fs::write(place.path("bare.safetensors"), weights_file(&tensors)).unwrap();
    place
        .run("predict --device cpu --model bare.safetensors test/cats/0.png")
        .fails(7, &["bare.safetensors", "--init-weights"]);
    // Descriptions that no network can have.
    let described = |from: &str, to: &str| {
        let text = String::from_utf8_lossy(
            &bytes[8..8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize],
        )
        .to_string();
        assert!(text.contains(from), "{from} in {text}");
        let header = text.replace(from, to);
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend(&bytes[8 + text.len()..]);
        fs::write(place.path("odd.safetensors"), file).unwrap();
        place
            .run("predict --device cpu --model odd.safetensors test/cats/0.png")
            .fails(7, &["odd.safetensors"]);
    };
    described(r#"\"units\":128"#, r#"\"units\":0"#);
    described(r#"\"image_size\":8"#, r#"\"image_size\":4294967296"#);
    described(r#"\"filters\":64"#, r#"\"filters\":1152921504606846976"#);
    described(r#"\"strides\":[2,2]"#, r#"\"strides\":[0,2]"#);
    described(r#"\"units\":1}"#, r#"\"units\":3}"#);
    described(r#"\"sigmoid\""#, r#"\"relu\""#);
    described("bt601", "bt709");
    described(r#"\"std_dev\":1.0"#, r#"\"std_dev\":0.0"#);
    described(r#"[\"cats\",\"dogs\"]"#, r#"[\"cats\",\"cats\"]"#);
    fs::write(place.path("cut.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    place.run("evaluate --device cpu --test-dir test --model cut.safetensors").fails(7, &["cut.safetensors"]);
    place.run("predict --device cpu test/cats/0.png").fails(7, &["runs/", "pawgrad train"]);
}

/// An environment in which there is no Vulkan driver.
fn no_driver(place: &Place) -> [(&'static str, PathBuf); 2] {
    ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].map(|variable| (variable, place.path("gone")))
}

#[test]
fn no_adapter_is_explained() {
    let place = Place::new();
    for device in ["gpu", "software", "GeForce 9000", "77"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pawgrad"));
        command.args(["evaluate", "--test-dir", "test", "--device", device]).current_dir(place.dir.path());
        command.envs(no_driver(&place));
        let said = Said::of(command.output().unwrap());
        said.fails(4, &["no adapter", "mesa-vulkan-drivers", "--device cpu works"]);
    }
    // Without any driver, `auto` is the CPU.
    let mut command =
        place.command("train --train-dir train --test-dir test --image-size 8 --max-steps 1 --out run");
    let said = Said::of(command.envs(no_driver(&place)).output().unwrap());
    assert!(
        said.succeeds().stderr.contains("Device: CPU (no Vulkan, Metal or DX12 adapter was found)"),
        "{}",
        said.stderr
    );
}

/// No software adapter multiplies matrices of 16x16, and the CPU multiplies none: the flag says so, and nothing is left behind.
#[test]
fn mixed_precision_without_tensor_cores_is_refused() {
    let place = Place::new();
    let train = "train --train-dir train --test-dir test --image-size 8 --out run --precision";
    let without = ["--precision mixed", "tensor cores", "leave out --precision mixed"];
    place
        .run(&format!("{train} mixed --device cpu"))
        .fails(2, &[&without[..], &["CPU (as asked for)"]].concat());
    place.run(&format!("{train} mixed --device software")).fails(2, &[&without[..], &["lacks"]].concat());
    let auto = place.command(&format!("{train} mixed")).envs(no_driver(&place)).output().unwrap();
    Said::of(auto).fails(2, &[&without[..], &["no Vulkan"]].concat());
    place.run(&format!("{train} mixed --no-fuse")).fails(2, &["--precision mixed", "leave out --no-fuse"]);
    place.run(&format!("{train} half --device cpu")).fails(2, &["half", "f32 or mixed"]);
    assert!(!place.path("run").exists());
    place.run(&format!("{train} f32 --device cpu --max-steps 1")).succeeds();

    let model = "--model run/model.safetensors --precision mixed --device";
    place.run(&format!("predict test {model} software")).fails(2, &without);
    place.run(&format!("evaluate --test-dir test {model} cpu")).fails(2, &without);
    place.run("bench --device software --precision mixed").fails(2, &without);
    place.run("tune --device software --precision mixed").fails(2, &without);
}

#[test]
fn a_batch_beyond_the_limits_says_what_fits() {
    let place = Place::new();
    // Unfused, conv1 of a 256x256 picture takes 16 MiB; a software adapter binds 128 MiB.
    let train = "train --train-dir train --test-dir test --device software --no-fuse --out run";
    let said = place.run(&format!("{train} --image-size 256 --batch-size 10 --micro-batch 9"));
    said.fails(5, &["--micro-batch 8", "134217728"]);
    // dense1.weight of 512x512 pictures is 512 MiB.
    place.run(&format!("{train} --image-size 512")).fails(5, &["536870912", "134217728", "--image-size"]);
}

#[test]
fn other_commands_answer() {
    let place = Place::new();
    let help = place.run("--help");
    assert!(help.succeeds().stdout.contains("Exit codes") && help.stdout.contains("gradcheck"));
    let summary = place.run("summary --image-size 256");
    assert!(
        summary.succeeds().stdout.contains("33,932,545") && summary.stdout.contains("129.44 MiB"),
        "{}",
        summary.stdout
    );
    let usual = place.run("summary --device cpu");
    assert!(usual.succeeds().stdout.contains("2,475,265"), "{}", usual.stdout);
    assert!(usual.stderr.contains("64x64 pixels, as `train` takes them on CPU"), "{}", usual.stderr);
    let devices = place.run("devices");
    assert!(devices.succeeds().stdout.contains("--device auto takes"), "{}", devices.stdout);
    assert!(devices.stdout.contains("tensor cores"), "{}", devices.stdout);
    let check = place.run("gradcheck --only sigmoid");
    assert!(
        check.succeeds().stdout.contains("sigmoid.backward_x") && check.stdout.contains("All within"),
        "{}",
        check.stdout
    );
    place.run("gradcheck --only nothing").fails(2, &["nothing"]);
    let bench = place.run("bench --device cpu --image-size 8 --batch-size 1 --times 1 --only dense3");
    assert!(bench.succeeds().stdout.contains("dense.backward_w"), "{}", bench.stdout);
    assert!(!bench.stdout.contains("relu"), "{}", bench.stdout);
    place.run("bench --device cpu --times 0").fails(2, &["--times"]);
    // The names of earlier versions, and a layer by its whole name: not what is behind it.
    let old = place.run("bench --device cpu --image-size 8 --batch 1 --runs 1 --only conv1 --json rows.json");
    assert!(old.succeeds().stdout.contains("conv2d_relu_pool.forward"), "{}", old.stdout);
    assert!(!old.stdout.contains("conv1's output") && place.path("rows.json").exists(), "{}", old.stdout);
    assert!(place.run("gradcheck --op sigmoid --times 0").stderr.contains("--times"));
}

#[test]
fn the_bundled_pictures_are_drawn_anywhere() {
    let place = Place::new();
    let said = place.run("dataset draw --out drawn");
    assert!(said.succeeds().stdout.contains("pictures to drawn"), "{}", said.stdout);
    assert_eq!(files(&place.path("drawn/test_set")), ["cats", "dogs"]);
    let without = place.run("dataset");
    assert_eq!(without.code, 2);
    assert!(without.stderr.contains("draw"), "{}", without.stderr);
}

#[test]
fn a_profile_of_one_step_has_nothing_to_tell() {
    let place = Place::new();
    let said = place.train("--out run --profile --max-steps 1");
    assert!(
        said.succeeds().stdout.contains("the first step, which compiles, does not count"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_bench_that_makes_no_sense_is_refused() {
    let place = Place::new();
    for (line, words) in [
        ("--image-size 4", "--image-size 4"),
        ("--image-size 512 --batch-size 256", "4294967296"),
        ("--times 0", "--times"),
        ("--only nothing", "\"nothing\""),
        ("--only nothing", "conv1, "),
    ] {
        place.run(&format!("bench --device cpu {line}")).fails(2, &[words]);
    }
}

#[test]
fn the_microscope_counts_what_a_kernel_does() {
    let place = Place::new();
    let line = "microscope dense.backward_w --counts --layer dense2 --image-size 32 --batch 4";
    let said = place.run(&format!("{line} --rung 2_shared"));
    said.succeeds();
    for word in ["dense.backward_w, dense2", "2_shared", "shared/ma"] {
        assert!(said.stdout.contains(word), "{}", said.stdout);
    }
    let said = place.run(&format!("{line} --json"));
    let report: serde_json::Value = serde_json::from_str(&said.succeeds().stdout).unwrap();
    // 128 x 64 weights, four pictures: a multiply-add for each.
    let plain = &report["rungs"][0];
    assert_eq!(
        (plain["rung"].as_str(), plain["passes"][0]["multiply_adds"].as_f64()),
        (Some("1_plain"), Some(32768.0))
    );
    for (line, words) in [
        ("dense.backward --counts", "did you mean dense.backward"),
        ("dense.forward --counts --rung 9_best", "2_shared"),
        ("dense.forward --counts --layer conv9", "dense1"),
        ("dense.forward --counts --subgroup 5", "--subgroup"),
        ("dense.forward", "--counts"),
    ] {
        place.run(&format!("microscope {line}")).fails(2, &[words]);
    }
}

#[test]
fn the_microscope_prints_the_life_of_a_thread() {
    let place = Place::new();
    let line = "microscope conv2d.forward --layer conv1 --image-size 16";
    let said = place.run(&format!("{line} --image train/cats/0.png --at 3,5,6"));
    said.succeeds();
    for words in [
        "with a network with random weights",
        "y[0, 3, 5, 6] is computed by thread",
        "sum += x[",
        "w[27] is ",
        "y[854] becomes ",
        "the reference, in f64: ",
    ] {
        assert!(said.stdout.contains(words), "no {words:?} in {}", said.stdout);
    }
    let said = place.run(&format!("{line} --thread 7 --group 1,0,0 --json --from 2 --steps 3"));
    let lines: Vec<serde_json::Value> =
        said.succeeds().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| &line["step"]).collect::<Vec<_>>(), [2, 3, 4]);
    for (more, words) in [
        ("--at 3,5", "shape [1, 64, 16, 16]"),
        ("--at 64,0,0", "shape [1, 64, 16, 16]"),
        ("--thread 256", "256 threads"),
        ("--thread 0 --group 0,9,0", "groups"),
        ("--at 0,0,0 --rung 9_best", "1_plain"),
    ] {
        place.run(&format!("{line} {more}")).fails(2, &[words]);
    }
    let first = place.run("microscope conv2d.backward_w --layer conv1 --image-size 16 --pass 0 --thread 3");
    assert!(
        first.succeeds().stdout.contains("thread 3 of group 0, 0, 0 in backward_w_partial"),
        "{}",
        first.stdout
    );
    place.run("microscope conv2d.backward_w --pass 2 --thread 3").fails(2, &["--pass 2: there are 2"]);
    place.run("microscope conv2d.forward --layer conv9 --at 0,0,0").fails(2, &["conv1"]);
    place.run("microscope adam.step --layer conv9 --at 0").fails(2, &["it runs for dense1's weight"]);
    // What is too large is said before it is taken.
    for sizes in ["--layer conv1 --image-size 4000", "--layer conv1 --image-size 99999999"] {
        place.run(&format!("microscope conv2d.forward {sizes} --at 0,0,0")).fails(2, &["image-size"]);
    }
    let photo = "--image train/cats/0.png --at 0,0,0";
    place
        .run(&format!("microscope conv2d.backward_x --layer conv1 {photo}"))
        .fails(2, &["conv2d.backward_w"]);
    place.run(&format!("microscope conv2d.forward --layer conv9 {photo}")).fails(2, &["conv1"]);
}

#[test]
fn the_microscope_tries_a_shader_of_ones_own() {
    let place = Place::new();
    let shader = |name: &str, from: &str, to: &str| {
        let text = include_str!("../shaders/relu.wgsl");
        assert!(text.contains(from), "{from}");
        std::fs::write(place.path(name), text.replace(from, to)).unwrap();
    };
    shader("same.wgsl", "", "");
    let said = place.run("microscope same.wgsl --as relu.forward --image-size 16 --device software");
    for words in ["right: equal to the definition", "pieces of 32 bytes", "time on "] {
        assert!(said.succeeds().stdout.contains(words), "no {words:?} in {}", said.stdout);
    }
    shader("wide.wgsl", ">= p.len", "> p.len");
    let said = place.run("microscope wide.wgsl --as relu.forward");
    said.fails(1, &["is not what it should be yet"]);
    assert!(said.stdout.contains("found: line ") && said.stdout.contains("index 1 of y"), "{}", said.stdout);
    shader("broken.wgsl", "fn forward(", "fn forward(,");
    let said = place.run("microscope broken.wgsl --as relu.forward");
    assert!(said.stdout.contains("not valid: "), "{}", said.stdout);
    place.run("microscope same.wgsl").fails(2, &["--as"]);
    place.run("microscope none.wgsl --as relu.forward").fails(3, &["none.wgsl"]);
    place.run("microscope same.wgsl --as relu.sideways").fails(2, &["relu.sideways"]);
    place.run("microscope relu.forward --watch").fails(2, &["--watch"]);
}

#[test]
fn the_lab_says_whether_an_exercise_is_solved() {
    let place = Place::new();
    // The paths of the repository may have spaces.
    let try_file = |folder: &str, name: &str| {
        let file = format!("{}/{folder}/{name}.wgsl", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(file, place.path("mine.wgsl")).unwrap();
        place.run("microscope mine.wgsl")
    };
    let said = try_file("tests/exercises", "06_register");
    for word in ["right: equal to the definition", "reached\nsolved\n"] {
        assert!(said.succeeds().stdout.contains(word), "{}", said.stdout);
    }
    try_file("docs/exercises", "06_register").fails(1, &["is not what it should be yet"]);
    let said = try_file("docs/exercises", "08_second_barrier");
    assert!(said.stdout.contains("and thread 1 reads it, without a barrier between"), "{}", said.stdout);
}

/// On every kind of device: a line for each layer's kernels, shares that add up, and a trace that says the same.
#[test]
fn a_profile_says_where_the_time_goes() {
    for device in ["cpu", "software"] {
        let place = Place::new();
        let said = place.run(&format!(
            "train --train-dir train --test-dir test --image-size 16 --epochs 2 --batch-size 4 --device {device} \
             --out run --profile -q"
        ));
        let table = &said.succeeds().stdout;
        for line in
            ["conv1          conv2d_relu_pool.backward_w", "dense1         dense.forward", "between kernels"]
        {
            assert!(table.contains(line), "no {line} in {table}");
        }
        // conv1's backward_w is one pass on the CPU, and three in the third rung.
        let cells = |line: &str| line.split_whitespace().map(str::to_string).collect::<Vec<_>>();
        let of_kernels: Vec<_> = table
            .lines()
            .map(cells)
            .filter(|cells| cells.len() > 5 && cells[1].contains('.') && cells[2] != "rung")
            .collect();
        let conv1 =
            of_kernels.iter().find(|cells| cells[..2] == ["conv1", "conv2d_relu_pool.backward_w"]).unwrap();
        assert_eq!(
            (conv1[2].as_str(), conv1[3].as_str()),
            if device == "cpu" { ("fast", "1") } else { ("textures", "3") }
        );
        let lines = table.lines().take_while(|line| !line.starts_with("Open"));
        let share = |line: &str| line.split(" %").next()?.split_whitespace().last()?.parse::<f64>().ok();
        let shares = lines.filter_map(share);
        let sum: f64 = shares.sum();
        assert!((98.0..102.0).contains(&sum), "shares add up to {sum}:\n{table}");

        let trace = fs::read_to_string(place.path("run/profile.json")).unwrap();
        let events: Vec<serde_json::Value> = serde_json::from_str(&trace).unwrap();
        let events: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(events.iter().map(|event| event["ts"].as_f64().unwrap()).reduce(f64::min), Some(0.0));
        let start = |event: &serde_json::Value| event["ts"].as_f64().unwrap();
        let end = |event: &serde_json::Value| start(event) + event["dur"].as_f64().unwrap();
        let of = |category: &str| -> Vec<&serde_json::Value> {
            events.iter().copied().filter(|event| event["cat"] == category).collect()
        };
        // Two folders, two epochs of three steps, each with its parts; validation is on both tracks.
        let count = |category: &str| of(category).len();
        assert_eq!([count("loading"), count("epoch"), count("step"), count("validation")], [2, 2, 6, 4]);
        assert_eq!([count("forward"), count("backward"), count("Adam")], [6, 6, 6]);
        for step in of("step") {
            assert!(step["args"]["GFLOP/s"].as_f64().unwrap() > 0.0, "{step}");
            assert!(of("epoch").iter().any(|epoch| start(epoch) <= start(step) && end(step) <= end(epoch)));
        }
        // A slack of a millisecond, as the two clocks are not one.
        let is_in = |inner: &serde_json::Value, outer: &[&serde_json::Value]| {
            outer.iter().any(|outer| start(outer) - 1e3 <= start(inner) && end(inner) <= end(outer) + 1e3)
        };
        for part in ["forward", "backward", "Adam"] {
            assert!(of(part).iter().all(|part| is_in(part, &of("step"))), "{part} in {trace}");
        }
        let kernels = of("kernel");
        let parts = ["forward", "backward", "Adam", "validation"].map(of).concat();
        assert!(kernels.iter().all(|kernel| is_in(kernel, &parts)), "{trace}");
        let conv1 = kernels.iter().find(|event| event["name"] == "conv1 conv2d_relu_pool.forward").unwrap();
        assert!(conv1["args"]["GFLOP/s"].as_f64().unwrap() > 0.0, "{conv1}");

        // The table's steps are all but the first, and its times are those of the trace.
        let number = |text: &str| text.parse::<f64>().unwrap();
        let steps = number(table.split(" steps").next().unwrap());
        let in_table: f64 = of_kernels.iter().map(|cells| number(&cells[4])).sum::<f64>() * steps;
        let counted = kernels
            .iter()
            .filter(|kernel| start(kernel) >= end(of("Adam")[0]) - 1.0 && !is_in(kernel, &of("validation")));
        let in_trace = counted.map(|event| event["dur"].as_f64().unwrap()).sum::<f64>() / 1e3;
        assert!(
            (in_table / in_trace - 1.0).abs() < 0.05,
            "{in_table} ms in the table, {in_trace} in the trace"
        );
        // Kernels run one after the other.
        for pair in kernels.windows(2) {
            assert!(end(pair[0]) <= start(pair[1]) + 1.0, "{pair:?}");
        }
    }
}
