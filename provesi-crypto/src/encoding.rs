//! Base64 as the format has it: standard alphabet, padding, and exactly one text for the same bytes.

pub(crate) use engine::engine;

#[cfg(all(feature = "std", any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
mod engine {
    use std::sync::LazyLock;

    use base64::engine::Simd;
    use base64::engine::general_purpose::PAD;

    static ENGINE: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));

    pub(crate) fn engine() -> &'static Simd {
        &ENGINE
    }
}

#[cfg(not(all(feature = "std", any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))))]
mod engine {
    use base64::engine::GeneralPurpose;
    use base64::engine::general_purpose::STANDARD;

    static ENGINE: GeneralPurpose = STANDARD;

    pub(crate) fn engine() -> &'static GeneralPurpose {
        &ENGINE
    }
}
