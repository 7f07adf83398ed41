import Bytes

/// When the parts of a run began and ended.
struct RunTimes {
  var phase = LoadGenerator.Phase.filling
  var phaseBegan = Instant.origin
  /// When the last request is sent; known once the measurement has begun.
  var runEnd = Instant.origin
  var lastReply = Instant.origin
  var isInterrupted = false
  /// The processor time used before the measurement.
  var workedBefore = Duration.zero

  /// The length of the measurement: to the last reply, or the planned end if that is later.
  var measured: Duration { max(runEnd, lastReply).since(phaseBegan) }
}
