import Glibc

/// libFuzzer's own main, called by the entry point that the package manager expects.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// One target's `main`: feeds `test` until it fails or time is up.
package func drive(
  _ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt {
  var count = count
  var words = unsafe words
  // SAFETY: both are variables of this frame, which outlives the call.
  return unsafe runDriver(&count, &words, test)
}

/// Says what does not hold, and ends the run: libFuzzer keeps the input.
package func violated(_ what: String) -> Never {
  fatalError("invariant violated: " + what)
}

/// An invariant that is wrong on purpose, by `RINGROAD_FUZZ_CANARY`: a run that does not find it is blind.
package let isCanary = unsafe getenv("RINGROAD_FUZZ_CANARY") != nil
