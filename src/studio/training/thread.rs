//! The thread of a run.

use super::watcher::Watcher;
use super::{Begin, Training};
use crate::device::adapters::Choice;
use crate::error::{ErrorKind, Result};
use crate::run::job::{self, Place, Start};
use crate::run::{self, Summary};
use crate::studio::advice::sentence;
use crate::train::settings::Settings;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl Training {
    /// The whole life of a run, in its thread.
    pub(super) fn train(
        &self,
        run: &str,
        settings: &Settings,
        from: Begin,
        device: &str,
        stop: &Arc<AtomicBool>,
    ) {
        let trained = catch_unwind(AssertUnwindSafe(|| self.try_train(settings, from, device, stop)));
        let (state, error) = match trained {
            Ok(Ok(())) => (run::State::Finished, None),
            Ok(Err(why)) if why.kind == ErrorKind::Interrupted => (run::State::Stopped, Some(sentence(&why))),
            Ok(Err(why)) => (run::State::Failed, Some(sentence(&why))),
            Err(panic) => {
                let what = panic.downcast_ref::<String>().map(String::as_str);
                let what = what.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given");
                (
                    run::State::Failed,
                    Some(format!("the training crashed: {what}. What was saved before stays")),
                )
            }
        };
        // A run that began tells its end by its folder, as to everyone; others have none.
        let told = run::find(run).ok().flatten().map(|run| Summary::new(&run));
        let can_resume = told.as_ref().is_some_and(|told| told.can_resume);
        let (state, words, seconds, verdict) = told.map_or((state, None, None, None), |told| {
            (told.state, Some(told.end), told.seconds, told.verdict)
        });
        // At once: who hears of the end may start the next run, and no run may start before its end is in the log.
        let mut current = self.current.lock().unwrap();
        self.log.push(&json!({
            "type": "end", "end": state, "words": words, "seconds": seconds, "verdict": verdict, "error": error, "run": run,
            "can_resume": can_resume,
        }));
        *current = None;
    }

    fn try_train(&self, settings: &Settings, from: Begin, asked: &str, stop: &Arc<AtomicBool>) -> Result<()> {
        let choice: Choice = asked.parse().unwrap_or(Choice::Auto);
        // Models that are kept for the next prediction would count against this run.
        self.worker.let_go();
        let (device, line) = (self.open_device)(&choice)?;
        let mut watcher = Watcher::new(
            self.log.clone(),
            self.insides.clone(),
            self.followed.clone(),
            settings.train_dir.clone(),
            stop.clone(),
        );
        watcher.say(&format!("Device: {line}"));
        let place = Place { device: &device, option: asked, line: &line, rungs: &[] };
        let prepared = match from {
            Begin::New(claim) => {
                let mut claim = Some(claim);
                let mut claim = || Ok(claim.take().expect("it is claimed once"));
                job::prepare(settings, Start::New(&mut claim), place, &mut watcher)?
            }
            Begin::Checkpoint(resumed) => {
                let prepared = job::prepare(settings, Start::Checkpoint(resumed), place, &mut watcher)?;
                // Pages read in the run's folder what came before; by now it holds no more than that.
                self.log.push(&json!({"type": "gap"}));
                prepared
            }
        };
        if stop.load(Ordering::Relaxed) {
            return Err(prepared.stop(&mut watcher));
        }
        let done = pollster::block_on(job::run(prepared, &mut watcher, stop))?;
        done.verdict.iter().for_each(|verdict| watcher.say(verdict));
        Ok(())
    }
}
