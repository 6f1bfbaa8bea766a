use super::*;

#[test]
fn batches_are_cut_by_bytes() {
    let cut =
        |rows: &[usize]| -> Vec<Vec<usize>> { cut(rows, 10, |&row| row).map(<[usize]>::to_vec).collect() };
    assert_eq!(cut(&[]), Vec::<Vec<usize>>::new());
    assert_eq!(cut(&[5, 5, 1]), [vec![5, 5], vec![1]]);
    // A row beyond the limit stands alone.
    assert_eq!(
        cut(&[1, 11, usize::MAX, 1]),
        [vec![1], vec![11], vec![usize::MAX], vec![1]]
    );
}
