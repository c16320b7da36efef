//! Which rung computes a kernel, and what a table of tuned rungs knows it by.

use super::{Kernel, Rung};
use crate::cpu;
use crate::device::{Device, DeviceKind, Limits};
use crate::error::{Error, Remedy, Result, error};
use crate::reference::Params;
use std::fmt::Write;

impl<P: Params> Kernel<P> {
    /// Names of the rungs that a device of this kind knows, from plain to fast.
    pub fn rung_names(&self, kind: DeviceKind) -> Vec<&'static str> {
        match kind {
            DeviceKind::Cpu => [cpu::REFERENCE].into_iter().chain(self.cpu.map(|_| cpu::FAST)).collect(),
            DeviceKind::Software | DeviceKind::Gpu => self.rungs.iter().map(|rung| rung.name).collect(),
        }
    }

    /// The rung for these sizes: the one that was forced for the op, else the one that was taken for them before, else
    /// the one that was tuned for them, else the last default that can be used.
    ///
    /// It never depends on a timing made while training: equal settings give equal bits.
    pub(super) fn choose(&self, device: &Device, params: &P) -> Result<&Rung<P>> {
        let limits = device.limits();
        let [plain] = self.rungs else { return self.choose_of_many(device, params) };
        plain.problem(limits, params).is_none().then_some(plain).ok_or_else(|| self.no_rung(device, params))
    }

    fn choose_of_many(&self, device: &Device, params: &P) -> Result<&Rung<P>> {
        let (rungs, limits) = (device.rungs(), device.limits());
        let key = self.key(device, params);
        let named = |name: &str| self.rungs.iter().find(|rung| rung.name == name);
        let usable = |rung: &&Rung<P>| rung.problem(limits, params).is_none();
        // Not every kernel of an op has every rung: some have none but the plain one.
        let rung = if let Some(rung) = rungs.forced(self.op()).and_then(|name| named(&name)) {
            Some(rung).filter(usable).ok_or_else(|| {
                let (kernel, device) = (self.name, device.name());
                let problem = rung.problem(limits, params).expect("what is usable is taken");
                let rung = rung.name;
                let what =
                    error!(Usage, "{rung} cannot compute {kernel} of {params:?} on {device}: {problem}");
                what.with(Remedy::OwnRung)
            })?
        } else {
            // What was taken before comes first: the smaller last batch of an epoch runs with the rung of the others,
            // so that one key has one rung.
            let before = || rungs.noted(&key).and_then(|name| named(&name)).filter(usable);
            let tuned = || rungs.tuned(&key).and_then(|name| named(&name)).filter(usable);
            let rung = before().or_else(tuned).or_else(|| self.default_rung(limits, params));
            rung.ok_or_else(|| self.no_rung(device, params))?
        };
        // What only moves bytes is not tuned: there is little to gain, and every tensor's length would be measured.
        if (self.flop)(params) > 0.0 {
            rungs.note(key, rung.name);
        }
        Ok(rung)
    }

    /// The rung that an adapter with these limits takes unless another is asked for: the last of the ladder that it can
    /// use. It is decided from limits and sizes alone, so that it is known before any adapter is there.
    pub fn default_rung(&self, limits: &Limits, params: &P) -> Option<&Rung<P>> {
        self.rungs.iter().rev().find(|rung| rung.problem_as_default(limits, params).is_none())
    }

    fn no_rung(&self, device: &Device, params: &P) -> Error {
        error!(Usage, "no rung can compute {} of {params:?} on {}", self.name, device.name())
    }

    /// What a table of tuned rungs knows this kernel at these sizes by: its [`fingerprint`](Kernel::fingerprint) and all
    /// sizes but the batch: the last one of an epoch may be smaller.
    pub(crate) fn key(&self, device: &Device, params: &P) -> String {
        let mut key = device.rungs().fingerprint(self.name, || self.fingerprint());
        let sizes = P::FIELDS.iter().zip(params.words());
        for (field, word) in sizes.filter(|(field, _)| field.name != "batch" && field.kind != "f32") {
            let _ = write!(key, " {}={}", field.name, word as i32);
        }
        key
    }

    /// Its name and eight digits that change when a rung is added, or its shader or constants are edited: what was
    /// tuned before may not be the best any more.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for rung in self.rungs {
            hasher.update(format!("{} {:?}\n{}", rung.name, rung.constants, rung.text()).as_bytes());
        }
        format!("{}@{}", self.name, &hasher.finalize().to_hex()[..8])
    }
}
