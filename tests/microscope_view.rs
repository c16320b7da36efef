//! Trial.
use pawgrad::cases::{Random, Style, Table, Values};
use pawgrad::microscope::job::Job;
use pawgrad::microscope::proof::{Settings, prove};
use pawgrad::microscope::view::{Stepper, owner};

fn words(values: &Values) -> Vec<u32> {
    match values {
        Values::Float(values) => values.iter().map(|&v| (v as f32).to_bits()).collect(),
        Values::Uint(values) => values.clone(),
    }
}

#[test]
fn owners() {
    for (size, batch) in [(32, 1), (256, 1)] {
        for case in pawgrad::ops::cases(Table::Network { image_size: size, batch }) {
            let mut random = Random::new(Style::Random, 3);
            let inputs: Vec<_> =
                case.call.inputs().iter().map(|b| words(&case.values(b, &mut random))).collect();
            let outputs: Vec<_> =
                case.call.outputs().iter().map(|b| words(&case.values(b, &mut random))).collect();
            for source in case.call.sources().iter().filter(|s| s.fits) {
                let Ok(job) = Job::new(&*case.call, source.rung, 32) else { continue };
                let buffers = job.buffers(&inputs, &outputs);
                let name = case.call.outputs()[0].name;
                let len = outputs[0].len() as u32;
                for cell in [0, len / 3, len - 1] {
                    let start = std::time::Instant::now();
                    let found = owner(&job, &buffers, name, cell, 32);
                    let took = start.elapsed();
                    if took.as_millis() > 300 || found.is_err() {
                        println!(
                            "{} {} {size} {name}[{cell}]: {found:?} {took:?}",
                            case.call.name(),
                            source.rung
                        );
                    }
                }
            }
        }
    }
    let _ = (Settings::default(), prove);
}

#[test]
fn lives() {
    for (kernel, rung, cell) in [
        ("conv2d.forward", "1_plain", 700),
        ("dense.forward", "2_shared", 5),
        ("dense.backward_b", "2_shared", 5),
    ] {
        let case = pawgrad::ops::cases(Table::Awkward)
            .into_iter()
            .find(|c| c.call.name() == kernel && c.call.sources().iter().any(|s| s.rung == rung && s.fits))
            .unwrap();
        let mut random = Random::new(Style::Random, 3);
        let inputs: Vec<_> = case.call.inputs().iter().map(|b| words(&case.values(b, &mut random))).collect();
        let outputs: Vec<_> =
            case.call.outputs().iter().map(|b| words(&case.values(b, &mut random))).collect();
        let job = Job::new(&*case.call, rung, 32).unwrap();
        let buffers = job.buffers(&inputs, &outputs);
        let name = case.call.outputs()[0].name;
        let cell = cell.min(outputs[0].len() as u32 - 1);
        let own = owner(&job, &buffers, name, cell, 32).unwrap();
        println!("{kernel} {rung} {} {own:?}", case.call.params());
        let source = case.call.sources().into_iter().find(|s| s.rung == rung).unwrap().text.to_string();
        let lines: Vec<_> = source.lines().collect();
        let start = std::time::Instant::now();
        let mut stepper = Stepper::new(job, buffers, own.pass, (own.group, own.thread), 32).unwrap();
        println!("{} steps, {:?}, barriers {:?}", stepper.steps(), start.elapsed(), stepper.barriers());
        for step in 1..=stepper.steps().min(60) {
            stepper.go_to(step);
            let seen = stepper.look();
            let done = seen.done.unwrap();
            println!("{step:4} {done:4} {}", lines[done as usize - 1].trim());
            for note in seen.notes {
                println!("              {note}");
            }
        }
    }
}
