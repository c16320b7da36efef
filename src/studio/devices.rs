//! The devices that the page offers.

use super::answer::Answer;
use super::worker;
use crate::device::DeviceKind;
use crate::device::adapters::{list as adapters, preferred};
use crate::run::defaults::usual_image_size;
use serde::Serialize;

/// The device where none was chosen.
pub fn automatic() -> String {
    "auto".to_string()
}

/// One device that can be chosen.
#[derive(Serialize)]
pub struct Listed {
    value: String,
    label: String,
    detail: String,
    /// Where none is chosen.
    image_size: usize,
}

/// Every device that can be chosen here; drivers are asked once, or again where they did not get to answer.
pub async fn list() -> Answer<Vec<Listed>> {
    worker::blocking(|| {
        let adapters = pollster::block_on(adapters());
        let preferred = preferred(&adapters);
        let auto = match preferred {
            Some(index) => format!("{}, the best hardware GPU", adapters[index].name),
            None => "the CPU: there is no hardware GPU with a Vulkan, Metal or DX12 driver".to_string(),
        };
        let kind = preferred.map_or(DeviceKind::Cpu, |index| adapters[index].kind);
        let software = adapters.iter().position(|adapter| adapter.kind == DeviceKind::Software);
        let threads = rayon::current_num_threads();
        let mut listed = vec![
            Listed {
                value: "auto".into(),
                label: "automatic".into(),
                detail: auto,
                image_size: usual_image_size(kind),
            },
            Listed {
                value: "cpu".into(),
                label: "CPU".into(),
                detail: format!("this program's own code, {threads} threads; needs no driver"),
                image_size: usual_image_size(DeviceKind::Cpu),
            },
        ];
        listed.extend(adapters.iter().enumerate().map(|(index, adapter)| Listed {
            value: if Some(index) == software { "software".to_string() } else { index.to_string() },
            label: adapter.name.clone(),
            detail: format!("{}, {}, driver {}", adapter.type_name, adapter.backend, adapter.driver),
            image_size: usual_image_size(adapter.kind),
        }));
        listed
    })
    .await
}
