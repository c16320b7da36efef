//! The program as a user runs it, in a folder of its own.

use image::GrayImage;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What a run said, and how it ended.
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn of(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Asserts an exit code and that stderr says each of `words`.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert!(self.stderr.contains("error: "), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no \"{word}\" in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }

    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }
}

/// A folder of its own, with small pictures to train on.
pub struct Place {
    pub dir: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { dir };
        // The sets share no picture: the program would say so.
        for (split, first) in [("train", 0), ("test", 5)] {
            for (class, base) in [("cats", 40), ("dogs", 170)] {
                for i in 0..5u32 {
                    let picture = GrayImage::from_fn(12, 12, |x, y| {
                        image::Luma([(base + (x * 7 + y * 13 + (first + i) * 29) % 40) as u8])
                    });
                    place.picture(&format!("{split}/{class}/{i}.png"), &picture);
                }
            }
        }
        place
    }

    /// The same, where the second class has this name.
    pub fn with_dogs_named(name: &str) -> Place {
        let place = Place::new();
        for split in ["train", "test"] {
            let class = |name| place.path(&format!("{split}/{name}"));
            fs::rename(class("dogs"), class(name)).unwrap();
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn picture(&self, name: &str, picture: &GrayImage) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    }

    pub fn run(&self, line: &str) -> Said {
        Said::of(self.command(line).output().unwrap())
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pawgrad"));
        command.args(line.split_whitespace());
        self.prepare(&mut command);
        command
    }

    /// A cache of its own, so that no run sees what another one left; but what Mesa compiled is kept for all of them.
    fn prepare(&self, command: &mut Command) {
        command.current_dir(self.dir.path());
        command
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("MESA_SHADER_CACHE_DIR", env!("CARGO_TARGET_TMPDIR"));
    }

    /// Runs a script of bash.
    pub fn bash(&self, script: &str) -> Said {
        Said::of(self.bash_output(script))
    }

    /// As [`bash`](Place::bash), however it ends.
    pub fn bash_output(&self, script: &str) -> Output {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        self.prepare(&mut command);
        command.output().unwrap()
    }

    /// Trains two small epochs on the CPU.
    pub fn train(&self, more: &str) -> Said {
        self.run(&format!(
            "train --train-dir train --test-dir test --image-size 8 --epochs 2 --batch-size 4 --seed 1 --device cpu {more}"
        ))
    }

    pub fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.path(name)).unwrap().lines().map(str::to_string).collect()
    }
}

pub fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
