using System.Globalization;
using System.Net;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Cookies as browsers have them: the server sets one, the client sends it back by itself, with every new connection.</summary>
public sealed class Stickiness
{
    [Theory]
    [InlineData("session")]
    [InlineData("slot")]
    public async Task A_browser_stays_with_its_worker_and_when_that_is_killed_with_one_other(string by)
    {
        // Nobody follows the killed worker: whoever took its slot would get its clients back.
        await using var web = await Started.Web(
            "minimal", workers: 4, ("ProcessCluster__Dispatch", "Cookie"), ("ProcessCluster__Restart__Policy", "Never"));
        using var one = await Browser.Open(web.Address, by);
        var other = await Browser.Open(web.Address, by);
        for (var i = 0; other.Worker == one.Worker; i++)
        {
            Assert.InRange(i, 0, 100);
            other.Dispose();
            other = await Browser.Open(web.Address, by); // Two clients may well have one worker.
        }
        using var disturbed = other;
        Assert.NotEqual(one.Cookie, other.Cookie);

        using var end = new TestEnd();
        var meanwhile = other.AskUntil(end.Token);
        TestProcess.SendSignal(one.Worker, Signal.SIGKILL);
        await web.Process.Expect($@"\(process {one.Worker}\) crashed, SIGKILL");
        var next = await one.Ask();
        Assert.NotEqual(one.Worker, next);
        for (var i = 0; i < 20; i++)
            Assert.Equal(next, await one.Ask());
        await end.CancelAsync();
        Assert.InRange(await meanwhile, 1, int.MaxValue);
    }

    /// <summary>A client with a jar of its own, whose every request is on a new connection.</summary>
    private sealed class Browser : IDisposable
    {
        private readonly CookieContainer _jar = new();
        private readonly HttpClient _client;
        private readonly string _path;

        private Browser(string address, string by)
        {
            _client = new HttpClient(new SocketsHttpHandler { CookieContainer = _jar, PooledConnectionLifetime = TimeSpan.Zero })
            {
                BaseAddress = new Uri(address),
                Timeout = TimeSpan.FromSeconds(20),
            };
            _path = $"/remember?by={by}";
        }

        /// <summary>Who serves it.</summary>
        public int Worker { get; private set; }

        public string Cookie => Assert.Single(_jar.GetAllCookies()).Value;

        /// <summary>One whose cookie is set, and that one worker has served since.</summary>
        public static async Task<Browser> Open(string address, string by)
        {
            var browser = new Browser(address, by);
            await browser.Ask();
            var cookie = browser.Cookie;
            browser.Worker = await browser.Ask();
            for (var i = 0; i < 20; i++)
                Assert.Equal(browser.Worker, await browser.Ask());
            Assert.Equal(cookie, browser.Cookie);
            return browser;
        }

        public async Task<int> Ask() => int.Parse(await _client.GetStringAsync(_path), CultureInfo.InvariantCulture);

        /// <summary>Asks its worker again and again: how often.</summary>
        public async Task<int> AskUntil(CancellationToken end)
        {
            var count = 0;
            while (!end.IsCancellationRequested)
            {
                Assert.Equal(Worker, await Ask());
                count++;
            }
            return count;
        }

        public void Dispose() => _client.Dispose();
    }
}
