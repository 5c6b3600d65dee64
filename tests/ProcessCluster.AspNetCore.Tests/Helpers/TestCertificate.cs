using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>A certificate of its own, in a file that is gone with it.</summary>
internal sealed class TestCertificate : IDisposable
{
    private const string Password = "secret";

    private readonly string _file = Path.GetTempFileName();

    public TestCertificate(string name = "localhost")
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        Hash = certificate.GetCertHashString();
        File.WriteAllBytes(_file, certificate.Export(X509ContentType.Pfx, Password));
    }

    public string Hash { get; }

    /// <summary>The configuration of an end point with TLS.</summary>
    public (string, string)[] EndPoint => [("Kestrel__Endpoints__Secure__Url", "https://127.0.0.1:0"), .. At("Kestrel__Endpoints__Secure")];

    /// <summary>The configuration of it in another place.</summary>
    public (string, string)[] At(string section) => [($"{section}__Certificate__Path", _file), ($"{section}__Certificate__Password", Password)];

    /// <summary>With its private key, as a client presents it.</summary>
    public X509Certificate2 Load() => X509CertificateLoader.LoadPkcs12FromFile(_file, Password);

    public void Dispose() => File.Delete(_file);
}
