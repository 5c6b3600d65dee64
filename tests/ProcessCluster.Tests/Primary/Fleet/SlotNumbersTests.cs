using ProcessCluster.Primary.Fleet;

namespace ProcessCluster.Tests.Primary.Fleet;

public sealed class SlotNumbersTests
{
    [Fact]
    public void The_lowest_free_number_is_given_out()
    {
        var numbers = new SlotNumbers();
        Assert.Equal([0, 1, 2, 3], Enumerable.Range(0, 4).Select(_ => numbers.Take()));
        numbers.GiveBack(2);
        numbers.GiveBack(0);
        numbers.GiveBack(0);
        Assert.Equal([0, 2, 4], Enumerable.Range(0, 3).Select(_ => numbers.Take()));
    }

    [Fact]
    public void Slots_standby_workers_and_forked_workers_have_numbers_of_their_own()
    {
        var cluster = new FakeCluster(new ClusterOptions { Workers = 2, StandbyWorkers = 1 });
        var forked = cluster.Numbers.Take();
        cluster.Start();
        cluster.Fleet.Scale(3, ScaleDownOrder.Youngest);
        var another = cluster.Numbers.Take();
        List<int> all = [forked, another, .. cluster.Fleet.Slots.Select(slot => slot.Number), .. cluster.Fleet.Standby.Select(worker => worker.Slot)];
        Assert.Equal(all.Distinct().Order(), all.Order());

        // A slot without a worker has its number still.
        cluster.LeaveAtOnce = false;
        cluster.End(1);
        Assert.DoesNotContain(cluster.Numbers.Take(), cluster.Fleet.Slots.Select(slot => slot.Number));
    }
}
