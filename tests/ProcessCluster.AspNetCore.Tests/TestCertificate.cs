using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>A certificate of its own for localhost, in a file that is gone with it.</summary>
internal sealed class TestCertificate : IDisposable
{
    private const string Password = "secret";

    private readonly string _file = Path.GetTempFileName();

    public TestCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        Hash = certificate.GetCertHashString();
        File.WriteAllBytes(_file, certificate.Export(X509ContentType.Pfx, Password));
    }

    public string Hash { get; }

    /// <summary>The configuration of an end point with TLS.</summary>
    public (string, string)[] EndPoint =>
    [
        ("Kestrel__Endpoints__Secure__Url", "https://127.0.0.1:0"),
        ("Kestrel__Endpoints__Secure__Certificate__Path", _file),
        ("Kestrel__Endpoints__Secure__Certificate__Password", Password),
    ];

    public void Dispose() => File.Delete(_file);
}
