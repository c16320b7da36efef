//! The threads that compute. They all start before anything else does: the pool that rayon makes by itself, as soon as
//! somebody needs it, ends the program where one of its threads cannot start.

use super::output::errln;
use crate::error::{Result, error};
use crate::memory::addresses_left;
use rayon::{ThreadBuilder, ThreadPoolBuilder};
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle, available_parallelism};

/// A thread that has started, and waits for its place in the pool.
struct Waiting {
    place: Sender<ThreadBuilder>,
    thread: JoinHandle<()>,
}

/// Bytes of a thread's stack.
const STACK: usize = 2 << 20;
/// Of the addresses that are left, stacks get one in so many.
const SHARE: u64 = 4;

/// Starts as many as the machine has cores, or `RAYON_NUM_THREADS` says; fewer where the system does not give that many.
///
/// # Errors
/// `Other` where it gives none.
pub fn start() -> Result<()> {
    share_a_heap();
    let wanted = wanted();
    let (waiting, lacks) = wait(wanted.min(that_fit()));
    let lacks = lacks.map_or("addresses are limited".to_string(), |why| why.to_string());
    if waiting.is_empty() {
        return Err(error!(Other, "the system has no thread to compute with: {lacks}"));
    }
    let count = waiting.len();
    if count < wanted {
        errln!("note: {count} of {wanted} threads compute, as the system does not give more: {lacks}");
    }
    let place = |thread: ThreadBuilder| {
        waiting[thread.index()].place.send(thread).map_err(|_| std::io::Error::other("it has ended"))
    };
    let pool = ThreadPoolBuilder::new().num_threads(count).spawn_handler(place).build_global();
    pool.map_err(|why| error!(Other, "the threads that compute cannot start: {why}"))
}

fn wanted() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|count| count.parse().ok());
    let count = asked.filter(|&count| count > 0).or_else(|| Some(available_parallelism().ok()?.get()));
    count.unwrap_or(1).min(rayon::max_num_threads())
}

/// How many there may be for their stacks to leave addresses to everything else. A thread that finds none as it begins would
/// end the program.
fn that_fit() -> usize {
    let fit = addresses_left().map(|left| (left / SHARE / STACK as u64).max(1));
    fit.and_then(|fit| usize::try_from(fit).ok()).unwrap_or(usize::MAX)
}

/// So many threads, or half of those that there are to be had and why there are not more: the other half is left to everything
/// else.
fn wait(wanted: usize) -> (Vec<Waiting>, Option<std::io::Error>) {
    let mut waiting = Vec::new();
    while waiting.len() < wanted {
        let (place, given) = channel::<ThreadBuilder>();
        let run = move || given.recv().into_iter().for_each(ThreadBuilder::run);
        match Builder::new().name("pool".to_string()).stack_size(STACK).spawn(run) {
            Ok(thread) => waiting.push(Waiting { place, thread }),
            Err(why) => {
                for Waiting { place, thread } in waiting.split_off(waiting.len().div_ceil(2)) {
                    drop(place);
                    let _ = thread.join();
                }
                return (waiting, Some(why));
            }
        }
    }
    (waiting, None)
}

/// Where addresses are limited, threads share one heap: each heap of its own would take 64 MiB of them, most for nothing.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn share_a_heap() {
    if addresses_left().is_some() {
        // SAFETY: the call sets a number of the allocator, and no other thread runs yet.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn share_a_heap() {}
