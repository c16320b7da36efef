//! Compiles everything for each family of GPUs.
//!
//! The driver reads from its environment which GPU to be, once in a process: so each family is compiled in a process of its
//! own, which the program starts as a copy of itself. A driver that crashes takes just that with it.

use super::driver::{Compiled, Gpu};
use super::hottest::hottest;
use super::programs::{Program, Shader, defaults, programs};
use super::report::{Counts, Report, Row};
use pawgrad::device::Limits;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// GPUs to compile for, as the table calls them, and as Mesa's versions do.
const FAMILIES: [(&str, [&str; 2]); 3] =
    [("GCN 5", ["vega10", "gfx900"]), ("RDNA 2", ["navi21", "gfx1030"]), ("RDNA 3", ["gfx1100", "navi31"])];

/// Where a process of its own writes what it found.
const TO: &str = "PAWGRAD_REGISTERS_TO";
/// The folder where it writes disassemblies.
const ASSEMBLY: &str = "PAWGRAD_REGISTERS_ASSEMBLY";
const FORCED: &str = "RADV_FORCE_FAMILY";

/// Why there are no counts.
#[derive(Debug)]
pub enum Failure {
    /// This machine has no driver that can.
    NoDriver(String),
    /// The driver could not.
    Failed(String),
}

/// What came of it.
pub struct Measured {
    pub report: Report,
    /// The kernel that must spill, for each family.
    pub planted: Vec<Row>,
}

/// What one process writes.
#[derive(Serialize, Deserialize)]
enum Said {
    NoDriver(String),
    Found { driver: String, rows: Vec<Row>, planted: Row },
}

/// Compiles everything for all families, in processes that run this program with `arguments`: there it calls
/// [`in_a_process_of_its_own`]. Disassemblies go to the folder `assembly`.
pub fn measure(arguments: &[&str], assembly: Option<&Path>) -> Result<Measured, Failure> {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let start = |family: &str, forced: &str| -> (Child, PathBuf) {
        let to = folder.path().join(format!("{family}.{forced}"));
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.args(arguments).env(FORCED, forced).env(TO, &to);
        // A cache has no statistics.
        command.env("MESA_SHADER_CACHE_DISABLE", "true");
        if let Some(assembly) = assembly {
            command.env(ASSEMBLY, assembly.join(family));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        (child.expect("a copy of this program starts"), to)
    };
    let wait = |family: &str, forced: &str, (child, to): (Child, PathBuf)| -> Result<Said, Failure> {
        let output = child.wait_with_output().expect("it was started");
        let said = fs::read_to_string(&to).ok().and_then(|text| serde_json::from_str(&text).ok());
        let stderr = String::from_utf8_lossy(&output.stderr);
        match said.filter(|_| output.status.success()) {
            Some(said) => Ok(said),
            // It ends the process.
            None if stderr.contains("Unknown family") => Ok(Said::NoDriver(stderr.trim().to_string())),
            None => Err(Failure::Failed(format!(
                "compiling for {family} ({forced}): {}\n{stderr}",
                output.status
            ))),
        }
    };

    let started: Vec<_> = FAMILIES.iter().map(|(family, names)| start(family, names[0])).collect();
    let mut measured =
        Measured { report: Report { driver: String::new(), rows: Vec::new() }, planted: Vec::new() };
    for ((family, names), first) in FAMILIES.iter().zip(started) {
        let mut said = wait(family, names[0], first)?;
        for other in &names[1..] {
            if matches!(said, Said::NoDriver(_)) {
                said = wait(family, other, start(family, other))?;
            }
        }
        match said {
            Said::NoDriver(why) => return Err(Failure::NoDriver(why)),
            Said::Found { driver, mut rows, mut planted } => {
                for row in rows.iter_mut().chain([&mut planted]) {
                    row.family = family.to_string();
                }
                measured.report.driver = driver;
                measured.report.rows.extend(rows);
                measured.planted.push(planted);
            }
        }
    }
    measured.report.rows.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(measured)
}

/// Compiles everything for the family that the environment names, if it asks for that; otherwise gives false.
pub fn in_a_process_of_its_own() -> bool {
    let (Some(to), Ok(family)) = (std::env::var_os(TO), std::env::var(FORCED)) else { return false };
    let said = match Gpu::open(&family) {
        Err(why) => Said::NoDriver(why),
        Ok(gpu) => compile_all(&gpu),
    };
    fs::write(to, serde_json::to_string(&said).expect("plain values")).expect("the folder is there");
    true
}

fn compile_all(gpu: &Gpu) -> Said {
    let mut taken = defaults(&gpu.limits);
    taken.extend(defaults(&Limits { tensor_cores: true, ..gpu.limits }));
    // What is taken on software adapters alone spills so much here that compiling it takes seconds: once is enough.
    let for_software = defaults(&Limits { software: true, ..gpu.limits });
    let is_wanted = |program: &Program| {
        let rung = (program.kernel, program.rung);
        program.first || taken.contains(&rung) || !for_software.contains(&rung)
    };
    let row = |program: &Program, default| Row {
        family: String::new(),
        kernel: program.kernel.to_string(),
        rung: program.rung.to_string(),
        pass: program.pass.to_string(),
        size: program.size.to_string(),
        default,
        counts: counts(gpu, program),
    };
    let programs = programs().into_iter().filter(is_wanted);
    let rows =
        programs.map(|program| row(&program, taken.contains(&(program.kernel, program.rung)))).collect();
    Said::Found { driver: gpu.driver.clone(), rows, planted: row(&planted(), true) }
}

/// Nothing for what multiplies on tensor cores, which no GPU here has.
fn counts(gpu: &Gpu, program: &Program) -> Option<Counts> {
    if program.shader.uses_tensor_cores() {
        return None;
    }
    let Program { kernel, rung, pass, size, .. } = program;
    let name = format!("{kernel}.{rung}.{pass}.{size}").replace(|c: char| !c.is_alphanumeric(), "_");
    let compiled = gpu.compile(&program.shader).unwrap_or_else(|why| panic!("{name}: {why}"));
    if let Some(folder) = std::env::var_os(ASSEMBLY).map(PathBuf::from) {
        fs::create_dir_all(&folder).expect("the folder can be made");
        fs::write(folder.join(format!("{name}.s")), &compiled.assembly).expect("the folder is there");
    }
    let loops = hottest(&compiled.assembly).unwrap_or_default();
    let statistic = |name: &str| *compiled.statistics.get(name).unwrap_or_else(|| unknown(name, &compiled));
    Some(Counts {
        subgroup: u64::from(compiled.subgroup),
        vgprs: statistic("VGPRs"),
        sgprs: statistic("SGPRs"),
        spilled_vgprs: statistic("Spilled VGPRs"),
        spilled_sgprs: statistic("Spilled SGPRs"),
        scratch: statistic("Scratch size"),
        workgroup: statistic("LDS size"),
        waves: statistic("Subgroups per SIMD"),
        code: statistic("Code size"),
        multiply_adds: loops.multiply_adds,
        vector: loops.vector,
    })
}

fn unknown(name: &str, compiled: &Compiled) -> ! {
    panic!("this driver counts no \"{name}\", but {:?}", compiled.statistics.keys())
}

/// A kernel that wants more registers than a thread can have: 20 matrices that are all used again behind a barrier.
fn planted() -> Program {
    const MATRICES: usize = 20;
    let each = |line: &dyn Fn(usize) -> String| (0..MATRICES).map(line).collect::<String>();
    let text = format!(
        "@group(0) @binding(0) var<storage, read> x: array<mat4x4<f32>>;
        @group(0) @binding(1) var<storage, read_write> y: array<mat4x4<f32>>;
        @compute @workgroup_size(64)
        fn spill(@builtin(global_invocation_id) id: vec3<u32>) {{
            {}
            for (var i = 0u; i < 64u; i++) {{
                workgroupBarrier();
                {}
            }}
            {}
        }}",
        each(&|m| format!("var m{m} = x[id.x * {MATRICES}u + {m}u];")),
        each(&|m| format!("m{m} = m{m} + x[i] * m{}[1].x;", (m + 1) % MATRICES)),
        each(&|m| format!("y[id.x * {MATRICES}u + {m}u] = m{m};")),
    );
    let shader = Shader::new(&text, "spill", &[]).unwrap_or_else(|why| panic!("{why}"));
    Program { kernel: "planted.spill", rung: "planted", pass: "spill", size: "any", first: true, shader }
}
