using ProcessCluster.Primary.Handoff;

namespace ProcessCluster.Tests.Primary.Handoff;

public sealed class LackTests
{
    [Fact]
    public void A_lack_begins_once_and_again_after_a_second_without_it()
    {
        var time = new FakeTime();
        var lack = new Lack(time);
        Assert.True(lack.Begins());
        for (var i = 0; i < 10; i++)
        {
            time.Advance(TimeSpan.FromSeconds(0.9), static () => { });
            Assert.False(lack.Begins());
        }
        time.Advance(TimeSpan.FromSeconds(1), static () => { });
        Assert.True(lack.Begins());
    }
}
