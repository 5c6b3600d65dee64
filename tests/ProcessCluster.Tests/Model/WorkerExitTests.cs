namespace ProcessCluster.Tests.Model;

public sealed class WorkerExitTests
{
    [Theory]
    [InlineData(WorkerExitCause.Requested, 0, Signal.None, null, "left on request, exit code 0")]
    [InlineData(WorkerExitCause.Requested, null, Signal.SIGTERM, null, "left on request, SIGTERM (15)")]
    [InlineData(WorkerExitCause.Completed, 0, Signal.None, null, "ended by itself, exit code 0")]
    [InlineData(WorkerExitCause.Crashed, 139, Signal.None, null, "crashed, exit code 139")]
    [InlineData(WorkerExitCause.Crashed, null, Signal.SIGSEGV, null, "crashed, SIGSEGV (11)")]
    [InlineData(WorkerExitCause.Crashed, null, (Signal)34, null, "crashed, 34 (34)")]
    [InlineData(
        WorkerExitCause.Crashed, null, Signal.SIGKILL, null,
        "crashed, SIGKILL (9): killed from outside, perhaps by the system for want of memory")]
    [InlineData(WorkerExitCause.FailedAtBoot, 1, Signal.None, "IOException: no", "failed at boot, exit code 1: IOException: no")]
    [InlineData(WorkerExitCause.KilledLate, null, Signal.SIGKILL, null, "did not leave in time and was killed, SIGKILL (9)")]
    [InlineData(WorkerExitCause.Killed, null, Signal.SIGKILL, null, "was killed by the primary, SIGKILL (9)")]
    [InlineData(WorkerExitCause.Completed, null, Signal.None, null, "ended by itself, exit status unknown")]
    [InlineData((WorkerExitCause)99, 0, Signal.None, "why", "99, exit code 0: why")]
    public void It_reads_as_a_sentence(WorkerExitCause cause, int? exitCode, Signal signal, string? reason, string sentence) =>
        Assert.Equal(sentence, new WorkerExit(cause, exitCode, signal == Signal.None ? null : signal) { Reason = reason }.ToString());

    [Fact]
    public void Every_cause_has_words_of_its_own()
    {
        var sentences = Enum.GetValues<WorkerExitCause>().Select(cause => new WorkerExit(cause, 0, null).ToString()).ToList();
        Assert.Equal(sentences.Count, sentences.Distinct().Count());
        Assert.DoesNotContain(sentences, sentence => Enum.TryParse<WorkerExitCause>(sentence.Split(',')[0], out _));
    }

    [Theory]
    [InlineData(WorkerExitCause.FailedAtBoot, null, Signal.SIGABRT, true)]
    [InlineData(WorkerExitCause.Completed, 0, Signal.None, true)]
    [InlineData(WorkerExitCause.FailedAtBoot, null, Signal.SIGKILL, false)] // Somebody else's doing.
    [InlineData(WorkerExitCause.Requested, 0, Signal.None, false)]
    public void An_end_before_it_was_ready_is_explained(WorkerExitCause cause, int? code, Signal signal, bool isExplained)
    {
        var exit = new WorkerExit(cause, code, signal == Signal.None ? null : signal) { BeforeReady = true, LastErrors = ["one", "two"] };
        Assert.Equal(isExplained, exit.ToString().EndsWith("docs/guides/aspnetcore.md, 'What runs where'. It wrote: one | two", StringComparison.Ordinal));
        Assert.DoesNotContain("It wrote", (exit with { Reason = "the start failed" }).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("It wrote", (exit with { BeforeReady = false }).ToString(), StringComparison.Ordinal);
    }
}
