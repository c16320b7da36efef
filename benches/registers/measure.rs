//! Compiles everything for each family of GPUs.
//!
//! The driver reads from its environment which GPU to be, once in a process: so each family is compiled in a process of its
//! own, which the program starts as a copy of itself. A driver that crashes takes just that with it.

use super::driver::{Compiled, Gpu};
use super::hottest::hottest;
use super::programs::{Program, Shader, defaults, programs};
use super::report::{Counts, Report, Row};
use pawgrad::device::{Limits, TensorCores};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// GPUs to compile for, as the table calls them and as the driver does: some versions know one name, some the other.
///
/// Mesa 22.3 gives a thread of RDNA 3 at most 132 registers and spills the rest; Mesa 25 gives it 256, as the GPU does.
const FAMILIES: [(&str, &[&str]); 3] =
    [("GCN 5", &["vega10"]), ("RDNA 2", &["navi21"]), ("RDNA 3", &["gfx1100", "navi31"])];

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

/// What one process writes, or why its driver cannot take this family for a GPU.
type Said = Result<Found, String>;

#[derive(Serialize, Deserialize)]
struct Found {
    report: Report,
    planted: Row,
}

/// Compiles everything for all families, in processes that run this program with `arguments`: there it calls
/// [`in_a_process_of_its_own`]. Disassemblies go to the folder `assembly`.
pub fn measure(arguments: &[&str], assembly: Option<&Path>) -> Result<Measured, Failure> {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let start = |family: &str, forced: &str| {
        let to = folder.path().join(format!("{family}.{forced}"));
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.args(arguments).env(FORCED, forced).env(TO, &to);
        // What comes out of a cache has no statistics.
        command.env("MESA_SHADER_CACHE_DISABLE", "true");
        if let Some(assembly) = assembly {
            command.env(ASSEMBLY, assembly.join(family));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        (child.expect("a copy of this program starts"), to)
    };
    let started: Vec<_> = FAMILIES.iter().map(|(family, names)| start(family, names[0])).collect();
    let (mut report, mut planted) = (Report { driver: String::new(), rows: Vec::new() }, Vec::new());
    for ((family, names), (child, to)) in FAMILIES.iter().zip(started) {
        let mut found = finish(child, &to);
        for other in &names[1..] {
            if let Err(Failure::NoDriver(_)) = found {
                let (child, to) = start(family, other);
                found = finish(child, &to);
            }
        }
        let found = found?;
        let named = |row: Row| Row { family: family.to_string(), ..row };
        report.driver = found.report.driver;
        report.rows.extend(found.report.rows.into_iter().map(named));
        planted.push(named(found.planted));
    }
    report.rows.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(Measured { report, planted })
}

fn finish(child: Child, to: &Path) -> Result<Found, Failure> {
    let output = child.wait_with_output().expect("it was started");
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_string();
    let said: Option<Said> = fs::read_to_string(to).ok().and_then(|text| serde_json::from_str(&text).ok());
    match said.filter(|_| output.status.success()) {
        Some(said) => said.map_err(Failure::NoDriver),
        // The driver ends the process where it does not know a name.
        None if stderr.contains("Unknown family") => Err(Failure::NoDriver(stderr)),
        None => {
            Err(Failure::Failed(format!("the process for {}: {}\n{stderr}", to.display(), output.status)))
        }
    }
}

/// Compiles everything for the family that the environment names, if it asks for that; otherwise gives false.
pub fn in_a_process_of_its_own() -> bool {
    let (Some(to), Ok(family)) = (std::env::var_os(TO), std::env::var(FORCED)) else { return false };
    let said: Said = Gpu::open(&family).map(|gpu| compile_all(&gpu));
    fs::write(to, serde_json::to_string(&said).expect("plain values")).expect("the folder is there");
    true
}

fn compile_all(gpu: &Gpu) -> Found {
    let mut taken = defaults(&gpu.limits);
    for side in [8, 16] {
        let tensor_cores = Some(TensorCores { side, subgroup: 64 });
        taken.extend(defaults(&Limits { tensor_cores, ..gpu.limits }));
    }
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
    Found { report: Report { driver: gpu.driver.clone(), rows }, planted: row(&planted(), true) }
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
