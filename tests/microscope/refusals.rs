//! What is malformed or not known is refused with its line; nothing panics, and nothing grows without bounds.

use pawgrad::microscope::compile;

/// A source, the line that is to blame (0 for none), and a word of the refusal.
const REFUSED: &[(&str, u32, &str)] = &[
    ("fn main( {", 1, "expected"),
    ("@compute @workgroup_size(1)\nfn main() { let a = b; }", 2, "b"),
    ("@compute @workgroup_size(1)\nfn main() { let a: i32 = 1u; }", 2, ""),
    ("@compute @workgroup_size(1)\nfn other() { }", 0, "no compute entry point"),
    ("@fragment\nfn main() { }", 0, "no compute entry point"),
    ("", 0, "no compute entry point"),
    ("@compute @workgroup_size(2048)\nfn main() { }", 0, "groups of 2048"),
    ("@compute @workgroup_size(1024, 1024, 1024)\nfn main() { }", 0, "groups of"),
    (
        "var<workgroup> a: array<f32, 100000>;\n@compute @workgroup_size(1)\nfn main() { a[0] = 1.0; }",
        1,
        "workgroup memory",
    ),
    (
        "@compute @workgroup_size(1)\nfn main() {\n  var a: array<f32, 100000>;\n a[1] = 1.0; }",
        3,
        "a value of",
    ),
    (
        "var<private> a: array<array<f32, 60000>, 60000>;\n@compute @workgroup_size(1)\nfn main() { a[0][0] = 1.0; }",
        0,
        "",
    ),
    (
        "@group(0) @binding(0) var s: sampler;\n@group(0) @binding(1) var t: texture_2d<f32>;\n@compute @workgroup_size(1)\nfn main() { _ = textureSampleLevel(t, s, vec2(0.0), 0.0); }",
        1,
        "texture",
    ),
    (
        "@group(0) @binding(0) var t: texture_3d<f32>;\n@compute @workgroup_size(1)\nfn main() { _ = textureLoad(t, vec3(0), 0); }",
        1,
        "texture_2d",
    ),
    (
        "@group(0) @binding(0) var t: texture_storage_2d<r32float, write>;\n@compute @workgroup_size(1)\nfn main() { textureStore(t, vec2(0), vec4(0.0)); }",
        1,
        "texture",
    ),
    (
        "struct S { a: atomic<u32>, b: f32 }\nfn f() { f(); }\n@compute @workgroup_size(1)\nfn main() { f(); }",
        2,
        "",
    ),
    ("override n: u32;\n@compute @workgroup_size(1)\nfn main() { var a = n; }", 0, ""),
    ("@compute @workgroup_size(1)\nfn main() {\n  var a: array<f32, 4>; a[7] = 1.0; }", 3, ""),
    ("@compute @workgroup_size(1)\nfn main() { let a = 1 / 0; }", 2, ""),
    ("@compute @workgroup_size(1)\nfn main() { let a = 1u << 32u; }", 2, ""),
    (
        "enable f16;\nstruct S { a: f16, b: f32 }\nvar<workgroup> s: S;\n@compute @workgroup_size(1)\nfn main() { s.b = 1.0; }",
        3,
        "widths",
    ),
    (
        "enable f16;\nenable wgpu_cooperative_matrix;\nvar<workgroup> a: array<f16, 256>;\n@compute @workgroup_size(32)\nfn main() {\n  let m = coopLoad<coop_mat16x16<f16, A>>(&a[0], 16u);\n}",
        6,
        "cooperative matrices (tensor cores) are not interpreted",
    ),
    ("@compute @workgroup_size(1)\nfn main(@location(0) a: f32) { }", 0, ""),
    (
        "@group(0) @binding(0) var<storage, read_write> x: array<f32>;\n@compute @workgroup_size(1)\nfn main() {\n  x[0] = x;\n}",
        4,
        "x is a whole array, and cannot be loaded at once: an element of it is x[i]",
    ),
    // What is missing is missing behind the line before.
    (
        "@compute @workgroup_size(1)\nfn main() {\n  var a = 1.0\n\n  // and then\n  a = 2.0;\n}",
        3,
        "expected `;`",
    ),
    ("\u{0}\u{1}\u{2}", 1, ""),
    ("@compute @workgroup_size(0)\nfn main() { }", 0, ""),
    (
        "@group(0) @binding(0) var<uniform> a: array<vec4<u32>, 5000>;\n@compute @workgroup_size(1)\nfn main() { var b = a[0]; }",
        1,
        "a uniform of more than 16384 numbers",
    ),
    (
        "@compute @workgroup_size(1024)\nfn main() { var a: array<f32, 10000>; var b: array<f32, 10000>; a[0] = 1.0; b[0] = 1.0; }",
        0,
        "registers for each of 1024 threads: too many",
    ),
];

#[test]
fn refusals_name_their_lines() {
    for (text, line, word) in REFUSED {
        let why = compile(text, "main", &[]).expect_err(text);
        assert_eq!(why.line.unwrap_or(0), *line, "{text}\n{why}");
        assert!(why.what.contains(word), "{text}\n{why}");
    }
}

/// Calls that double with every function, blocks inside each other, and what is long; each by the bound that is for it.
#[test]
fn what_grows_is_cut_off() {
    let refused = |text: &str| compile(text, "main", &[]).map(|_| "taken").unwrap_err();
    let main = |body: &str| format!("@compute @workgroup_size(1) fn main() {{ {body} }}\n");
    let mut calls = "fn f0() { var a = 1u; a++; }\n".to_string();
    for level in 1..40 {
        calls += &format!("fn f{level}() {{ f{}(); f{}(); }}\n", level - 1, level - 1);
    }
    let why = refused(&(calls.clone() + &main("f39();")));
    assert!(why.line.is_some() && why.what.contains("too many calls when all are inlined"), "{why}");
    assert!(compile(&(calls + &main("f5();")), "main", &[]).is_ok());
    let thousand = format!("fn f() {{ var a = 1u; {} }}\n", "a += 1u;".repeat(1000));
    let why = refused(&(thousand + &main(&"f();".repeat(1000))));
    assert!(why.line.is_some() && why.what.contains("too long when all calls are inlined"), "{why}");
    let why = refused(&main(&format!("var a = 0u; {}", "a += 1u;".repeat(200_000))));
    assert!(why.what.contains("bytes: more than 1048576"), "{why}");
    let deep = main(&format!("var a = 0u; {}{}", "if (a == 0u) {".repeat(400), "}".repeat(400)));
    assert!(compile(&deep, "main", &[]).is_err());
}

/// A parser goes into all of this, and where its stack ends the whole program does: the microscope's runs on threads of 2 MiB,
/// and so may a device's, which sees what was taken here.
#[test]
fn what_is_deep_is_cut_off_before_a_stack_ends() {
    let main = |body: &str| format!("@compute @workgroup_size(1) fn main() {{ {body} }}\n");
    let sum = |n: usize| main(&format!("let a = 1u{};", "+1u".repeat(n)));
    let not = |n: usize| main(&format!("let a = {}1u;", "~".repeat(n)));
    let elses =
        |n: usize| main(&format!("var a = 1u; if (a > 1u) {{ }}{}", " else if (a > 2u) { }".repeat(n)));
    let constants = |n: usize| {
        let chain: String = (1..n).rev().map(|i| format!("const c{} = c{i};\n", i - 1)).collect();
        format!("{}const c{} = 1u;\n{chain}", main("var a = c0;"), n - 1)
    };
    let functions = |n: usize| {
        let chain: String = (1..n).rev().map(|i| format!("fn f{}() {{ f{i}(); }}\n", i - 1)).collect();
        format!("{}fn f{}() {{ }}\n{chain}", main("f0();"), n - 1)
    };
    let deep: [(&dyn Fn(usize) -> String, usize); 5] =
        [(&sum, 490), (&not, 490), (&elses, 200), (&constants, 690), (&functions, 690)];
    for text in [elses(180), functions(180)] {
        let why = compile(&text, "main", &[]).map(|_| "taken").unwrap_err();
        assert!(why.what.contains("nested too deeply"), "{why}");
    }
    for (text, most) in deep {
        // A little more than may be, which ends no stack yet.
        let why = compile(&text(most + 20), "main", &[]).map(|_| "taken").unwrap_err();
        assert!(why.what.contains("more than"), "{why}: {}", text(5));
        let taken = text(most);
        let parse = move || naga::front::wgsl::parse_str(&taken).is_ok();
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(parse).unwrap();
        assert!(thread.join().unwrap());
        let (taken, far) = (text(most), text(50 * most));
        let both = move || [taken, far].map(|text| compile(&text, "main", &[]));
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(both).unwrap();
        let [taken, far] = thread.join().unwrap();
        assert!(taken.is_ok() || taken.unwrap_err().what.contains("deep"), "{}", text(5));
        assert!(far.unwrap_err().what.contains("more than"), "{}", text(5));
    }
}
