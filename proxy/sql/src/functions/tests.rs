use super::glob;

#[test]
fn globs_match_whole_names() {
    for (pattern, name, expected) in [
        ("public.f", "public.f", true),
        ("public.f", "public.ff", false),
        ("public.*", "public.f", true),
        ("*.f", "a.f", true),
        ("*", "a.f", true),
        ("a.f?", "a.fx", true),
        ("a.f?", "a.f", false),
        ("*b*d", "a.bcd", true),
        ("*b*d", "a.bcde", false),
        ("", "a.b", false),
    ] {
        assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
    }
}
