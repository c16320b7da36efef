//! A thread with devices and models of its own, for everything that is not training. Devices belong to the thread
//! that opened them, so work is sent there.

use super::answer::{Answer, Refusal};
use super::models::{Life, Models, OpenDevice};
use axum::http::StatusCode;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest time without a sign of life. Work that is longer gives signs on its way.
const SILENCE: Duration = Duration::from_secs(60);
/// Threads that may be given up and still be busy; then those who ask are sent away.
const GIVEN_UP: usize = 2;
/// Longest time that is waited for models to be let go.
const LETTING_GO: Duration = Duration::from_secs(1);

type Work = Box<dyn FnOnce(&mut Models) + Send>;

/// Hands work to the thread. One that is silent for too long is given up, and another begins.
pub struct Worker {
    open_device: OpenDevice,
    silence: Duration,
    thread: Mutex<Option<Thread>>,
    /// One reference for each thread that lives, beside this one.
    living: Arc<()>,
}

#[derive(Clone)]
struct Thread {
    work: mpsc::Sender<Work>,
    life: Life,
}

impl Worker {
    pub fn new(open_device: OpenDevice) -> Worker {
        Worker { open_device, silence: SILENCE, thread: Mutex::default(), living: Arc::default() }
    }

    /// The thread that works, begun now where there is none.
    fn thread(&self) -> Answer<Thread> {
        let mut thread = self.thread.lock().unwrap();
        if let Some(thread) = &*thread {
            return Ok(thread.clone());
        }
        if Arc::strong_count(&self.living) > 1 + GIVEN_UP {
            let why = "earlier work hangs still: look at the terminal, or start the server anew";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why));
        }
        let (sender, receiver) = mpsc::channel::<Work>();
        let life = Life::default();
        let (living, open_device, of_thread) = (self.living.clone(), self.open_device, life.clone());
        let work = move || {
            let _living = living;
            let mut models = Models::new(open_device, of_thread);
            while let Ok(work) = receiver.recv() {
                models.life.sign();
                // Whoever asked sees that no answer came. A device that was left halfway is opened again.
                if catch_unwind(AssertUnwindSafe(|| work(&mut models))).is_err() {
                    models.forget();
                }
            }
        };
        std::thread::Builder::new().name("predictions".to_string()).spawn(work).map_err(no_thread)?;
        Ok(thread.insert(Thread { work: sender, life }).clone())
    }

    /// Lets go of a thread, if it is still the one that works: it ends when its work does.
    fn give_up(&self, given_up: &Life) {
        self.thread.lock().unwrap().take_if(|thread| thread.life.is(given_up));
    }

    /// Lets the thread go of its models, where it is not at work: what it works on, it keeps.
    pub fn let_go(&self) {
        let (sender, done) = mpsc::channel();
        let let_go = Box::new(move |models: &mut Models| {
            models.forget();
            let _ = sender.send(());
        });
        let Some(thread) = self.thread.lock().unwrap().clone() else { return };
        if thread.work.send(let_go).is_ok() {
            let _ = done.recv_timeout(LETTING_GO);
        }
    }

    /// Runs `work` in the thread.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Models) -> Answer<R> + Send + 'static,
    ) -> Answer<R> {
        let (sender, mut receiver) = oneshot::channel();
        let work = move |models: &mut Models| {
            // Whoever asked may have left while others were served.
            if sender.is_closed() {
                return;
            }
            let answer = work(models);
            if answer.as_ref().is_err_and(Refusal::is_failure) {
                // A device that was lost, or is out of memory, is opened again.
                models.forget();
            }
            let _ = sender.send(answer);
        };
        let Thread { work: thread, life } = self.thread()?;
        let life = match thread.send(Box::new(work)) {
            Ok(()) => life,
            // A thread that ended by itself is no longer one.
            Err(unsent) => {
                self.give_up(&life);
                let Thread { work: thread, life } = self.thread()?;
                thread.send(unsent.0).map_err(|_| crashed())?;
                life
            }
        };
        loop {
            match tokio::time::timeout(self.silence / 4, &mut receiver).await {
                Ok(answer) => return answer.map_err(|_| crashed())?,
                Err(_) if life.silence() > self.silence => {
                    self.give_up(&life);
                    let why = "this took too long, and was given up: try again";
                    return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, why));
                }
                Err(_) => {}
            }
        }
    }
}

/// The system has no thread to give.
pub fn no_thread(why: std::io::Error) -> Refusal {
    let message = format!("this machine has no thread for this just now: {why}. Try again");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
}

fn crashed() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "this crashed; the terminal says why. Try again")
}

/// Runs what takes a while, and needs no device, beside the server.
pub async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Answer<R> {
    tokio::task::spawn_blocking(work).await.map_err(|_| crashed())
}

#[cfg(test)]
mod tests {
    use super::{GIVEN_UP, Worker};
    use crate::device::Device;
    use std::sync::mpsc;
    use std::time::Duration;

    fn quick() -> Worker {
        let mut worker = Worker::new(|_| Ok((Device::cpu(), String::new())));
        worker.silence = Duration::from_secs(2);
        worker
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn work_that_hangs_is_given_up_and_the_next_is_done() {
        let worker = quick();
        let mut held = Vec::new();
        block_on(async {
            for _ in 0..GIVEN_UP {
                let (release, hold) = mpsc::channel::<()>();
                held.push(release);
                let hangs = worker.run(move |_| Ok(hold.recv().is_ok())).await;
                assert!(hangs.is_err_and(|why| why.message().contains("too long")));
                assert_eq!(worker.run(|_| Ok(7)).await.ok(), Some(7), "another thread goes on");
            }
            // Threads that hang are not without number.
            let (release, hold) = mpsc::channel::<()>();
            held.push(release);
            assert!(worker.run(move |_| Ok(hold.recv().is_ok())).await.is_err());
            assert!(worker.run(|_| Ok(7)).await.is_err_and(|why| why.message().contains("hangs still")));
            held.clear();
            let released = std::time::Instant::now();
            while worker.run(|_| Ok(7)).await.is_err() {
                assert!(released.elapsed() < Duration::from_secs(60), "threads that were released end");
            }
        });
    }

    #[test]
    fn long_work_with_signs_of_life_is_waited_for() {
        let done = block_on(quick().run(|models| {
            for _ in 0..15 {
                std::thread::sleep(Duration::from_millis(200));
                models.life.sign();
            }
            Ok(7)
        }));
        assert_eq!(done.ok(), Some(7));
    }

    #[test]
    fn work_that_crashes_is_answered() {
        let worker = quick();
        block_on(async {
            let crash = worker.run(|_| -> super::Answer<()> { panic!("on purpose") }).await;
            assert!(crash.is_err_and(|why| why.message().contains("crashed")));
            assert_eq!(worker.run(|_| Ok(7)).await.ok(), Some(7));
        });
    }
}
