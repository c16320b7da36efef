//! Kernels are declared in one line each: `kernel!(relu::forward(x) -> (y), items: |p| p.len as usize)`.

/// The [`Kernel`] of a reference function, with a plain rung from `SOURCE` in the same module: one pass
/// whose threads each own one item, or one of `threads`, and loop `iterations` times. Faster rungs follow.
///
/// `kernel!(relu::forward(x) -> (y), items: |p| p.len as usize)`; flags come after a semicolon:
/// `-> (p, m, v; non_finite)`.
macro_rules! kernel {
    ($op:ident::$function:ident($($input:ident),+) -> ($($output:ident),+ $(; $flag:ident)?), items: $items:expr) => {
        $crate::kernel::kernel!($op::$function($($input),+) -> ($($output),+ $(; $flag)?),
            items: $items, threads: $items, iterations: |_| 0)
    };
    ($op:ident::$function:ident($($input:ident),+) -> ($($output:ident),+ $(; $flag:ident)?),
     items: $items:expr, threads: $threads:expr, iterations: $iterations:expr $(, faster: $($rung:expr),+)?) => {
        $crate::kernel::Kernel {
            name: concat!(stringify!($op), ".", stringify!($function)),
            inputs: &[$(stringify!($input)),+],
            outputs: &[$(stringify!($output)),+],
            flags: &[$(stringify!($flag))?],
            reference: $crate::kernel::Reference {
                items: $items,
                f32: |p, items, inputs, outputs| $crate::kernel::call!(
                    $crate::reference::$op::$function::<f32>, (p, items), inputs, outputs,
                    ($($input),+), ($($output),+ $(, $flag)?)),
                f64: |p, items, inputs, outputs| $crate::kernel::call!(
                    $crate::reference::$op::$function::<f64>, (p, items), inputs, outputs,
                    ($($input),+), ($($output),+ $(, $flag)?)),
            },
            cpu: None,
            rungs: &[
                $crate::kernel::Rung {
                    iterations: $iterations,
                    ..$crate::kernel::Rung::new($crate::kernel::PLAIN, SOURCE, &[$crate::kernel::Pass::new(stringify!($function), &[], $crate::kernel::Grid::Threads($threads))])
                },
                $($($rung),+)?
            ],
            flop: |_| 0.0,
        }
    };
}

/// The [`CpuFunction`] of `cpu::<op>::<function>`.
macro_rules! fast {
    ($op:ident::$function:ident($($input:ident),+) -> ($($output:ident),+)) => {
        Some(|p, inputs, outputs| $crate::kernel::call!(
            $crate::cpu::$op::$function, (p), inputs, outputs, ($($input),+), ($($output),+)))
    };
}

/// Calls a function with typed slices for the inputs and outputs, in order.
macro_rules! call {
    ($function:path, ($($first:ident),+), $inputs:ident, $outputs:ident, ($($input:ident),+), ($($output:ident),+)) => {{
        let mut inputs = $inputs.iter().copied();
        let mut outputs = $outputs.iter_mut();
        $(let $input = $crate::kernel::FromInput::from_input(inputs.next().expect("one slice per input"));)+
        $(let $output = $crate::kernel::FromOutput::from_output(outputs.next().expect("one slice per output"));)+
        $function($($first),+, $($input),+, $($output),+)
    }};
}

pub(crate) use {call, fast, kernel};
