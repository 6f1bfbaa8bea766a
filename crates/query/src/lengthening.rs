//! Functions whose result is as long as an argument says.
//!
//! DataFusion's memory pool doesn't see what functions make, so that `repeat('x', 1000000000)` would take a
//! gigabyte whatever a query may use. Here each such function is wrapped: for one batch of rows it makes no
//! more than it may, and is refused before it makes anything.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

/// Functions whose second argument says how many; with the place of what there will be so many of (those
/// without one pad a text with characters), and the bytes that each takes at least.
const BOUNDED: [(&str, Option<usize>, u64); 5] = [
    ("repeat", Some(0), 1),
    ("lpad", None, 4),
    ("rpad", None, 4),
    ("array_repeat", Some(0), 16),
    ("array_resize", Some(2), 16),
];

/// These give a whole series as one value. The table functions of the same names go on: they give rows.
const REMOVED: [&str; 2] = ["range", "generate_series"];

/// Lets no function of this context make more than so many bytes for one batch of rows.
pub(crate) fn bound(context: &SessionContext, most_bytes: usize) -> Result<()> {
    for (name, repeated, least_bytes) in BOUNDED {
        let bounded = Bounded {
            inner: context.udf(name)?.as_ref().clone(),
            repeated,
            least_bytes,
            most_bytes,
        };
        context.register_udf(ScalarUDF::new_from_impl(bounded));
    }
    for name in REMOVED {
        context.deregister_udf(name);
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: ScalarUDF,
    repeated: Option<usize>,
    least_bytes: u64,
    most_bytes: usize,
}

impl Bounded {
    /// What the function makes, about.
    fn made_bytes(&self, args: &[ColumnarValue]) -> Result<u64> {
        let Some(count) = args.get(1) else { return Ok(0) };
        let count = cast(&values(count)?, &DataType::Int64)?;
        let count = count.as_primitive::<Int64Type>();
        let sizes = match self.repeated.and_then(|place| args.get(place)) {
            Some(repeated) => sizes(&values(repeated)?)?,
            None => vec![self.least_bytes],
        };
        let rows = count.len().max(sizes.len());
        let at = |row: usize, length: usize| if length == 1 { 0 } else { row };
        let mut made = 0_u64;
        for row in 0..rows {
            let place = at(row, count.len());
            let times = if count.is_null(place) {
                0
            } else {
                count.value(place)
            };
            let times = u64::try_from(times).unwrap_or(0);
            let size = sizes.get(at(row, sizes.len())).copied().unwrap_or(0);
            made = made.saturating_add(times.saturating_mul(size.max(self.least_bytes)));
        }
        Ok(made)
    }
}

/// One row where the value is the same for all.
fn values(value: &ColumnarValue) -> Result<ArrayRef> {
    value.to_array(1)
}

fn sizes(values: &ArrayRef) -> Result<Vec<u64>> {
    if !matches!(
        values.data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    ) {
        let average = values.get_array_memory_size() / values.len().max(1);
        return Ok(vec![average as u64; values.len()]);
    }
    let lengths = cast(&length(values.as_ref())?, &DataType::Int64)?;
    let lengths = lengths.as_primitive::<Int64Type>();
    let size = |length: Option<i64>| u64::try_from(length.unwrap_or(0)).unwrap_or(0);
    Ok(lengths.iter().map(size).collect())
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.inner().return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.inner().return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if self.made_bytes(&args.args)? > self.most_bytes as u64 {
            return Err(DataFusionError::Execution(format!(
                "{} would make more than {} MiB at once: make less, or raise `sql.memory_mib`",
                self.name(),
                self.most_bytes >> 20
            )));
        }
        self.inner.inner().invoke_with_args(args)
    }
}
