using System.Text;
using Microsoft.Extensions.Logging;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Workers;

public sealed class OutputTargetTests
{
    private const int EIO = 5, EFBIG = 27, ENOSPC = 28, EDQUOT = 122;

    private readonly RecordingLogger _logger = new();
    private readonly List<byte> _written = [];
    private readonly OutputTarget _target;
    private int _error;
    private int _room = int.MaxValue;
    private long _lost;

    public OutputTargetTests() => _target = new OutputTarget(StandardStream.Error, _logger, (_, lines) => _lost += lines, Write);

    private string Written => Encoding.UTF8.GetString([.. _written]);

    [Theory]
    [InlineData(ENOSPC)]
    [InlineData(EDQUOT)]
    [InlineData(EFBIG)]
    [InlineData(EIO)]
    public void What_was_lost_is_counted_and_reported_when_there_is_room_again(int error)
    {
        Pass("one\n");
        (_error, _room) = (error, 0);
        for (var i = 0; i < 10; i++)
            Pass("two\nthree\n");
        Assert.Equal("one\n", Written);
        Assert.Equal(20, _lost);
        Assert.Equal(50, Assert.Single(_logger.Entries).Id);

        (_error, _room) = (0, int.MaxValue);
        Pass("four\n");
        Pass("five\n");
        Assert.Matches(@"^one\n\[20 lines \(100 bytes\) that workers wrote were lost: [A-Z][a-z/ ]+\]\nfour\nfive\n$", Written);
        Assert.Equal([50, 51], _logger.Entries.Select(entry => entry.Id));

        // And again.
        (_error, _room) = (error, 0);
        Pass("six\n");
        (_error, _room) = (0, int.MaxValue);
        Pass("seven\n");
        Assert.Contains("five\n[1 lines (4 bytes)", Written, StringComparison.Ordinal);
        Assert.EndsWith("\nseven\n", Written, StringComparison.Ordinal);
        Assert.Equal([50, 51, 50, 51], _logger.Entries.Select(entry => entry.Id));
    }

    [Fact]
    public void A_line_that_was_written_in_part_is_ended_before_the_report()
    {
        (_error, _room) = (ENOSPC, 6);
        Pass("one\ntwo\n");
        (_error, _room) = (0, int.MaxValue);
        Pass("three\n");
        Assert.StartsWith("one\ntw\n[1 lines (2 bytes)", Written, StringComparison.Ordinal);
    }

    [Fact]
    public void Room_for_less_than_the_report_changes_nothing_but_the_text()
    {
        (_error, _room) = (ENOSPC, 0);
        Pass("one\n");
        _room = 5;
        Pass("two\n");
        (_error, _room) = (0, int.MaxValue);
        Pass("three\n");
        Assert.StartsWith("[1 li\n[2 lines (8 bytes)", Written, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_that_is_gone_is_no_loss_and_may_be_followed_by_another()
    {
        (_error, _room) = (SystemError.BrokenPipe, 0);
        Pass("unheard\n");
        (_error, _room) = (0, int.MaxValue);
        Pass("heard\n");
        Assert.Equal("heard\n", Written);
        Assert.Empty(_logger.Entries);
        Assert.Equal(0, _lost);
    }

    [Fact]
    public void A_closed_stream_is_never_written_again()
    {
        (_error, _room) = (SystemError.BadDescriptor, 0);
        Pass("one\n");
        (_error, _room) = (0, int.MaxValue); // The number is another file's now.
        Pass("two\n");
        Assert.Equal("", Written);
    }

    private void Pass(string text) => _target.Pass(Encoding.UTF8.GetBytes(text));

    private int Write(StandardStream stream, ReadOnlySpan<byte> bytes, out int error)
    {
        var count = Math.Min(_room, bytes.Length);
        _written.AddRange(bytes[..count]);
        _room = _room == int.MaxValue ? _room : _room - count;
        error = count < bytes.Length ? _error : 0;
        return count;
    }

    private sealed class RecordingLogger : ILogger
    {
        public List<(LogLevel Level, int Id)> Entries { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Entries.Add((logLevel, eventId.Id));
    }
}
