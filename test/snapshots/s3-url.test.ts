import assert from "node:assert/strict";
import fc from "fast-check";
import { BadInputError } from "../../core/errors";
import { formatS3Url, parseS3Url, type S3Location } from "../../core/snapshots/s3-url";
import { openStore } from "../../core/snapshots/stores";

function refused(url: string): string {
    try {
        parseS3Url(url);
    } catch (error) {
        assert(error instanceof BadInputError, String(error));
        return error.message;
    }
    return assert.fail(`${url} was taken`);
}

/** Text of some characters. */
function of(characters: string, minLength: number, maxLength: number): fc.Arbitrary<string> {
    return fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });
}
const lower = "abcdefghijklmnopqrstuvwxyz0123456789";
const label = of(lower, 3, 20);
const part = of(`${lower}ABC!_.*'()=-`, 1, 12).filter((p) => p !== "." && p !== "..");

function maybe<K extends string, T>(key: K, value: fc.Arbitrary<T>): fc.Arbitrary<Partial<Record<K, T>>> {
    return fc.option(value).map((v) => (v === null ? {} : { [key]: v })) as fc.Arbitrary<Partial<Record<K, T>>>;
}

const key = of(`${lower}/:_+=,.@-`, 1, 30);
const encryption = fc.oneof(
    fc.constant({ type: "AES256" as const }),
    maybe("keyId", key).map((id) => ({ type: "aws:kms" as const, ...id })),
);
const location: fc.Arbitrary<S3Location> = fc
    .tuple(
        fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join(".").slice(0, 62)),
        fc.array(part, { maxLength: 4 }).map((parts) => parts.join("/")),
        fc.boolean(),
        maybe("region", of(`${lower}-`, 1, 20)),
        maybe(
            "endpoint",
            fc
                .tuple(fc.constantFrom("http", "https"), label, fc.integer({ min: 1, max: 65_535 }))
                .map(([scheme, host, port]) => `${scheme}://h${host}:${String(port)}`),
        ),
        maybe("profile", key),
        maybe("encryption", encryption),
        maybe("ca", fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 })).filter((c) => !c.ca?.includes("\0")),
    )
    .map(([bucket, prefix, pathStyle, ...more]) => Object.assign({ bucket, prefix, pathStyle }, ...more) as S3Location)
    .filter(({ bucket }) => !/[.]$/.test(bucket));

describe("s3: URLs", () => {
    it("as pulumi login takes them, and with a path", () => {
        assert.deepEqual(parseS3Url("s3://physioflow-backups"), {
            bucket: "physioflow-backups",
            prefix: "",
            pathStyle: false,
        });
        assert.deepEqual(parseS3Url("S3://b.backups/prod/db/?region=eu-central-1"), {
            bucket: "b.backups",
            prefix: "prod/db",
            region: "eu-central-1",
            pathStyle: false,
        });
        assert.deepEqual(
            parseS3Url(
                "s3://backups?endpoint=https%3A%2F%2Fminio.example:9000&profile=ci&ssetype=aws:kms&kmskeyid=alias/db&ca=tls/ca+1.pem",
            ),
            {
                bucket: "backups",
                prefix: "",
                endpoint: "https://minio.example:9000",
                pathStyle: true,
                profile: "ci",
                encryption: { type: "aws:kms", keyId: "alias/db" },
                ca: "tls/ca 1.pem",
            },
        );
        assert.equal(parseS3Url("s3://backups?endpoint=https://x&use_path_style=false").pathStyle, false);
        assert.equal(parseS3Url("s3://backups?s3ForcePathStyle=true").pathStyle, true);
        assert.deepEqual(parseS3Url("s3://backups?ssetype=AES256").encryption, { type: "AES256" });
    });

    it("any location is written and read again", () => {
        fc.assert(
            fc.property(location, (l) => {
                const url = formatS3Url(l);
                assert.deepEqual(parseS3Url(url), l);
                assert.equal(formatS3Url(parseS3Url(url)), url);
            }),
        );
    });

    it("any text is read or refused as input, and what is read has no user and writes itself", () => {
        const pieces = fc.constantFrom(
            ...[
                "s3://",
                "bucket",
                "user:pw@",
                "/",
                "?",
                "&",
                "#",
                "=",
                "region=",
                "endpoint=https://",
                "%",
                "%41",
                "..",
                "ca=",
            ],
        );
        const near = fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 }))).map((all) => `s3://buc${all.join("")}`);
        fc.assert(
            fc.property(fc.oneof(near, fc.string(), fc.webUrl()), (text) => {
                let read: S3Location;
                try {
                    read = parseS3Url(text);
                } catch (error) {
                    assert(error instanceof BadInputError, String(error));
                    return;
                }
                assert(!read.bucket.includes("@") && read.endpoint?.includes("@") !== true);
                assert.deepEqual(parseS3Url(formatS3Url(read)), read);
            }),
            { numRuns: 2000 },
        );
    });

    it("a user or a key is refused without being shown, wherever it stands", () => {
        for (const url of [
            "s3://AKIAHUNTER2:hunter2@bucket/prefix",
            "s3://hunter2@bucket",
            "s3://bucket?endpoint=https://admin:hunter2@minio:9000",
            "s3://bucket?secret_access_key=hunter2",
            "s3://bucket?hunter2 is my password",
            "s3://bucket?endpoint=https://minio:9000?token=hunter2",
            "s3://bucket/a b/hunter2",
            "s3://bucket#hunter2",
            "s3://bucket?region=hunter2!",
        ]) {
            assert.doesNotMatch(refused(url), /hunter2/i, url);
            assert.throws(
                () => openStore(url, "/"),
                (error) => error instanceof BadInputError && !/hunter2/i.test(error.message),
            );
        }
    });

    it("says what is wrong", () => {
        for (const [url, says] of [
            ["s3:bucket", /no URL of the form s3:\/\/BUCKET/],
            ["s3://", /bucket's name/],
            ["s3://Bucket", /bucket's name/],
            ["s3://ab", /bucket's name/],
            ["s3://-abc", /bucket's name/],
            ["s3://key@bucket", /Keys are never read from the URL/],
            ["s3://bucket//x", /between single slashes/],
            ["s3://bucket/../x", /between single slashes/],
            ["s3://bucket/a%2Fb", /between single slashes/],
            [`s3://bucket/${"x".repeat(801)}`, /800/],
            ["s3://bucket?awssdk=v2", /no parameter awssdk; there are: region, endpoint, use_path_style/],
            ["s3://bucket?constructor=1", /no parameter constructor/],
            ["s3://bucket?region=a&region=b", /region is given twice/],
            ["s3://bucket?use_path_style=true&s3ForcePathStyle=true", /one and the same/],
            ["s3://bucket?use_path_style=1", /true or false/],
            ["s3://bucket?endpoint=minio:9000", /https:\/\/HOST:PORT/],
            ["s3://bucket?endpoint=ftp://minio", /https:\/\/HOST:PORT/],
            ["s3://bucket?endpoint=https://", /https:\/\/HOST:PORT/],
            ["s3://bucket?ssetype=aws:fsm", /AES256 or aws:kms/],
            ["s3://bucket?kmskeyid=k", /needs ssetype=aws:kms/],
            ["s3://bucket?ssetype=AES256&kmskeyid=k", /needs ssetype=aws:kms/],
            ["s3://bucket?region=%zz", /value of region/],
            ["s3://bucket?region=", /value of region/],
        ] as const)
            assert.match(refused(url), says, url);
    });
});
