using ProcessCluster.Linux.Processes;
using ProcessCluster.Primary;

namespace ProcessCluster.Tests.Primary;

public sealed class TerminalWatchTests
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly FakeTime _time = new();
    private TerminalRole _role = TerminalRole.Background;

    [Fact]
    public void A_terminal_that_has_just_gone_is_seen_at_once()
    {
        using var watch = new TerminalWatch(_time, () => _role);
        Assert.False(watch.IsJustGone);
        _role = TerminalRole.None;
        Assert.True(watch.IsJustGone);
        _time.Advance(Look, static () => { });
        Assert.True(watch.IsJustGone);
    }

    [Fact]
    public void One_that_is_gone_for_a_while_means_nothing_any_more()
    {
        using var watch = new TerminalWatch(_time, () => _role);
        _role = TerminalRole.None;
        for (var i = 0; i < 4; i++)
            _time.Advance(Look, static () => { });
        Assert.False(watch.IsJustGone);
        Assert.False(watch.IsThere);
    }

    [Fact]
    public void A_primary_that_was_stopped_when_it_went_still_sees_that_it_has_gone()
    {
        using var watch = new TerminalWatch(_time, () => _role);
        _role = TerminalRole.None; // No look while it is stopped, however long.
        Assert.True(watch.IsJustGone);
    }

    [Fact]
    public void Without_a_terminal_there_is_nothing_to_go()
    {
        _role = TerminalRole.None;
        using var watch = new TerminalWatch(_time, () => _role);
        Assert.False(watch.IsJustGone);
        Assert.False(watch.IsThere);
        _time.Advance(Look, static () => { });
        Assert.False(watch.IsJustGone);
    }

    [Fact]
    public void Whoever_is_interested_is_told_of_each_look()
    {
        var seen = new List<TerminalRole>();
        using var watch = new TerminalWatch(_time, () => _role) { Seen = seen.Add };
        _time.Advance(Look, static () => { });
        _role = TerminalRole.Foreground;
        _time.Advance(Look, static () => { });
        Assert.Equal([TerminalRole.Background, TerminalRole.Foreground], seen);
    }
}
