//! Every shader in Tint, Chromium's compiler for WGSL: a second reading of the language beside naga's, and the one by
//! which a browser will run them.

use crate::page::browser_with;
use pawgrad::check::{self, Table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Files with these words are no shaders for browsers. Tint must refuse each of them, and say this of it; the list is stale
/// where it does not, or where no file has the words any more.
const NOT_FOR_BROWSERS: &[(&str, &str, &str)] = &[
    ("enable wgpu_cooperative_matrix;", "expected extension", "browsers have no cooperative matrices"),
    (
        "subgroupAny(",
        "must only be called from subgroup uniform control flow",
        "Tint does not take what subgroupAny gives for the same in all of a subgroup, and allows no broadcast behind it \
         without `diagnostic(off, subgroup_uniformity);`",
    ),
];

/// A shader, and what is to be compiled of it.
#[derive(Serialize)]
struct Shader {
    file: String,
    code: String,
    pipelines: Vec<Pipeline>,
}

#[derive(Serialize)]
struct Pipeline {
    entry: String,
    constants: BTreeMap<String, f64>,
}

/// What came of a shader: nothing where all is well.
#[derive(Deserialize)]
struct Found {
    file: String,
    errors: Vec<String>,
    warnings: Vec<String>,
    /// Entry points that Tint accepted, and that the driver has not compiled in time.
    under_way: Vec<String>,
}

/// Asks for what browsers have and these shaders use, and for no limits beyond the defaults. What is wrong with a pipeline is
/// known before Chromium's driver for the CPU compiles it, which can take long.
const SCRIPT: &str = r"async (shaders) => {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter.requestDevice({requiredFeatures: ['subgroups']});
    const found = [];
    for (const {file, code, pipelines} of shaders) {
        device.pushErrorScope('validation');
        const module = device.createShaderModule({code});
        const {messages} = await module.getCompilationInfo();
        const said = (wanted) => messages.filter(({type}) => type === wanted)
            .map(({lineNum, message}) => `line ${lineNum}: ${message}`);
        const errors = said('error'), under_way = [];
        const late = new Promise((done) => setTimeout(done, 15000, 'late'));
        const compile = async ({entry, constants}) => {
            const compute = {module, entryPoint: entry, constants};
            const end = device.createComputePipelineAsync({layout: 'auto', compute})
                .catch((why) => errors.push(`${entry}: ${why.message}`));
            if (await Promise.race([end, late]) === 'late') under_way.push(entry);
        };
        if (errors.length === 0) await Promise.all(pipelines.map(compile));
        const why = await device.popErrorScope();
        if (why && errors.length === 0) errors.push(why.message);
        found.push({file, errors, warnings: said('warning'), under_way});
    }
    return JSON.stringify(found);
}";

#[test]
fn tint_accepts_every_shader_that_a_browser_may_run() {
    let browser = browser_with(&["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]);
    let version = browser.get_version().unwrap().product;
    // WebGPU is there in secure contexts only, of which files are one.
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("empty.html");
    std::fs::write(&page, "<!doctype html>").unwrap();
    let tab = browser.new_tab().unwrap();
    tab.set_default_timeout(Duration::from_secs(120));
    tab.navigate_to(&format!("file://{}", page.display())).unwrap().wait_until_navigated().unwrap();

    let shaders = shaders();
    let call = format!("({SCRIPT})({})", serde_json::to_string(&shaders).unwrap());
    let found = tab.evaluate(&call, true).unwrap_or_else(|why| panic!("{version}: {why}"));
    let Some(serde_json::Value::String(text)) = &found.value else {
        panic!("{version} has no WebGPU: {:?}", found.description)
    };
    let found: Vec<Found> = serde_json::from_str(text).unwrap();
    assert_eq!(found.len(), shaders.len());

    let (mut problems, mut used) = (Vec::new(), BTreeSet::new());
    for (Found { file, errors, warnings, under_way }, shader) in found.into_iter().zip(&shaders) {
        let left_out = NOT_FOR_BROWSERS.iter().find(|(words, _, _)| shader.code.contains(words));
        match left_out {
            None => problems.extend(errors.iter().chain(&warnings).map(|said| format!("{file}: {said}"))),
            Some((words, said, why)) => {
                println!("{file} is not for browsers: {why}");
                used.insert(words);
                if !errors.iter().any(|error| error.contains(said)) {
                    problems
                        .push(format!("{file} has {words}, but Tint does not say \"{said}\": {errors:?}"));
                }
            }
        }
        if !under_way.is_empty() {
            println!("{file}: accepted, but not compiled for the CPU in time: {under_way:?}");
        }
    }
    assert!(problems.is_empty(), "{version}:\n{}", problems.join("\n"));
    for (words, _, _) in NOT_FOR_BROWSERS {
        assert!(used.contains(words), "no shader has {words} any more: take it off the list");
    }
}

/// Every file, with the entry points that kernels run, at sizes of the default network where it has the kernel.
fn shaders() -> Vec<Shader> {
    let mut pipelines: BTreeMap<String, BTreeMap<&str, BTreeMap<String, f64>>> = BTreeMap::new();
    let cases = check::table(Table::Network { image_size: 64, batch: 4 }).into_iter().chain(check::all());
    for case in cases {
        let sizes = case.call.fields().iter().zip(case.call.words()).map(|(field, word)| {
            let value = match field.kind {
                "f32" => f64::from(f32::from_bits(word)),
                "i32" => f64::from(word as i32),
                _ => f64::from(word),
            };
            (field.name, value)
        });
        let sizes: Vec<_> = sizes.collect();
        for source in case.call.sources() {
            let values = sizes.iter().chain(source.constants);
            let values: BTreeMap<_, _> = values.map(|(name, value)| (name.to_string(), *value)).collect();
            for entry in source.entries {
                pipelines
                    .entry(source.text.to_string())
                    .or_default()
                    .entry(entry)
                    .or_insert_with(|| values.clone());
            }
        }
    }
    let files = std::fs::read_dir("shaders").unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let shader = |path: &std::path::PathBuf| {
        let code = std::fs::read_to_string(path).unwrap();
        let module = naga::front::wgsl::parse_str(&code).unwrap();
        let declared: BTreeSet<_> =
            module.overrides.iter().filter_map(|(_, declared)| declared.name.clone()).collect();
        let pipelines = pipelines.get(code.as_str()).into_iter().flatten().map(|(entry, values)| {
            let constants = values.iter().filter(|(name, _)| declared.contains(*name));
            let constants = constants.map(|(name, value)| (name.clone(), *value)).collect();
            Pipeline { entry: entry.to_string(), constants }
        });
        let mut pipelines: Vec<_> = pipelines.collect();
        assert!(!pipelines.is_empty(), "no kernel runs {}", path.display());
        // naga has subgroups without this line, and takes the line for an error; browsers want it. With subgroups the
        // driver for the CPU would take minutes for the pipelines, so just the file is read.
        let mut lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let mut enable = "";
        if lines.any(|line| line.contains("subgroup")) {
            enable = "enable subgroups;\n";
            pipelines.clear();
        }
        Shader {
            file: path.file_name().unwrap().to_str().unwrap().to_string(),
            pipelines,
            code: format!("{enable}{code}"),
        }
    };
    files.iter().map(shader).collect()
}
